//! Somebody who calls over HTTP, with or without a token, and opens sockets.

use super::Server;
use super::Socket;
use super::socket::Refused;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;
use tokio_tungstenite::Connector;
use tokio_tungstenite::tungstenite::handshake::client::Request;

/// See the module.
#[derive(Clone)]
pub struct Caller {
    http: reqwest::Client,
    base: String,
    connector: Option<Connector>,
    pub token: Option<String>,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    /// The body where it is JSON, else null.
    pub body: Value,
    pub text: String,
    asked: String,
}

impl Caller {
    pub fn new(server: &Server, token: Option<String>) -> Self {
        let connector = server.connector.clone();
        Self { http: server.http.clone(), base: server.base.clone(), connector, token }
    }

    /// A request to build on; `path` as in `/api/v1/orders`.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request and reads the answer.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Reply {
        let request = request.build().unwrap();
        let asked = format!("{} {}", request.method(), request.url().path());
        let answer = self.http.execute(request).await.unwrap_or_else(|error| panic!("{asked}: {error}"));
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Reply { status, headers, body, text, asked }
    }

    /// `GET /api/v1{path}`.
    pub async fn get(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, &format!("/api/v1{path}"))).await
    }

    /// `POST /api/v1{path}` with a JSON body; `null` sends none.
    pub async fn post(&self, path: &str, body: Value) -> Reply {
        let request = self.request(Method::POST, &format!("/api/v1{path}"));
        self.send(if body.is_null() { request } else { request.json(&body) }).await
    }

    /// A socket that has been welcomed.
    pub async fn socket(&self, path: &str) -> Socket {
        self.welcomed_socket(path).await.0
    }

    /// A socket that has been welcomed, and with what words.
    pub async fn welcomed_socket(&self, path: &str) -> (Socket, Value) {
        let opened = self.open(path).await;
        let mut socket = opened.unwrap_or_else(|refused| panic!("{path} refused: {refused:?}"));
        let welcome = socket.welcome().await;
        (socket, welcome)
    }

    async fn open(&self, path: &str) -> Result<Socket, Refused> {
        let mut request = Socket::request(&self.base, path);
        if let Some(token) = &self.token {
            request.headers_mut().insert("Authorization", format!("Bearer {token}").parse().unwrap());
        }
        self.open_request(request).await
    }

    /// Opens a socket with a request of one's own, by the way this caller trusts.
    pub async fn open_request(&self, request: Request) -> Result<Socket, Refused> {
        Socket::open_by(request, self.connector.clone()).await
    }

    /// A socket that must not open.
    pub async fn refused_socket(&self, path: &str) -> Refused {
        match self.open(path).await {
            Ok(_) => panic!("{path} was opened"),
            Err(refused) => refused,
        }
    }
}

impl Reply {
    /// This answer, which must have this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} answered {}", self.asked, self.text);
        self
    }

    /// This answer, which must be a problem of this status and code, complete by the contract.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Self {
        assert_eq!(
            (self.status, self.body["code"].as_str()),
            (status, Some(code)),
            "{} answered {}",
            self.asked,
            self.text
        );
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.asked);
        for field in ["type", "title", "detail", "code", "request_id"] {
            let text = self.body[field].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{} has no {field}: {}", self.asked, self.text);
        }
        assert_eq!(self.body["status"], status);
        assert_eq!(self.header("x-request-id"), self.body["request_id"].as_str());
        self
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Status and body without what differs from one request to the next.
    pub fn anonymous(&self) -> (u16, Value) {
        let mut body = self.body.clone();
        if let Some(fields) = body.as_object_mut() {
            fields.remove("request_id");
        }
        (self.status, body)
    }

    /// The pointers of `errors[]`.
    pub fn pointers(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        errors.iter().filter_map(|error| error["pointer"].as_str()).collect()
    }
}
