//! A WebSocket that is read with a deadline. Frames that nobody has asked for yet are kept; every frame is remembered in order.

use super::PATIENCE;
use futures_util::SinkExt;
use futures_util::StreamExt;
use serde_json::Value;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_tungstenite::Connector;
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::handshake::client::Response;

/// See the module.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The answer to the upgrade.
    pub upgrade: Response,
    waiting: VecDeque<Value>,
    /// Every frame so far.
    pub all: Vec<Value>,
    closed: Option<(u16, String)>,
    asked: u64,
}

/// An upgrade that was answered with something else.
#[derive(Debug)]
pub struct Refused {
    pub status: u16,
    pub body: Value,
}

impl Refused {
    /// Status and code of the problem.
    pub fn code(&self) -> (u16, &str) {
        (self.status, self.body["code"].as_str().unwrap_or_default())
    }

    /// Status and body without what differs from one request to the next.
    pub fn anonymous(&self) -> (u16, Value) {
        let mut body = self.body.clone();
        if let Some(fields) = body.as_object_mut() {
            fields.remove("request_id");
        }
        (self.status, body)
    }
}

impl Socket {
    /// Opens `path` with a bearer token in the header.
    pub async fn open(base: &str, path: &str, token: Option<&str>) -> Result<Self, Refused> {
        let mut request = Self::request(base, path);
        if let Some(token) = token {
            request.headers_mut().insert("Authorization", format!("Bearer {token}").parse().unwrap());
        }
        Self::open_request(request).await
    }

    /// An upgrade request to add headers to.
    pub fn request(base: &str, path: &str) -> Request {
        format!("{}{path}", base.replacen("http", "ws", 1)).into_client_request().unwrap()
    }

    /// Opens a socket with a request of one's own.
    pub async fn open_request(request: Request) -> Result<Self, Refused> {
        Self::open_by(request, None).await
    }

    /// The same by TLS, with the roots one trusts.
    pub async fn open_by(request: Request, connector: Option<Connector>) -> Result<Self, Refused> {
        let connecting = tokio_tungstenite::connect_async_tls_with_config(request, None, false, connector);
        let opened = tokio::time::timeout(PATIENCE, connecting).await;
        match opened.expect("an answer to the upgrade") {
            Ok((stream, upgrade)) => {
                let (waiting, all) = (VecDeque::new(), Vec::new());
                Ok(Self { stream, upgrade, waiting, all, closed: None, asked: 0 })
            }
            Err(Error::Http(response)) => {
                let body = response.body().as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok());
                let status = response.status().as_u16();
                Err(Refused { status, body: body.unwrap_or_default() })
            }
            Err(error) => panic!("no socket: {error}"),
        }
    }

    /// The first frame.
    pub async fn welcome(&mut self) -> Value {
        let first = self.next().await;
        assert_eq!(first["type"], "welcome", "{first}");
        first
    }

    pub async fn send(&mut self, frame: Value) {
        self.send_text(frame.to_string()).await;
    }

    /// Sends text as it is, JSON or not.
    pub async fn send_text(&mut self, text: impl Into<String>) {
        let sent = self.stream.send(Message::text(text.into())).await;
        sent.unwrap_or_else(|error| panic!("not sent: {error}; so far {:?}", self.all));
    }

    /// Sends a raw WebSocket message; a socket that is closing may refuse it.
    pub async fn send_raw(&mut self, message: Message) {
        let _ = self.stream.send(message).await;
    }

    /// Sends a command with an id and gives its answer, `ok` or `error`.
    pub async fn ask(&mut self, mut frame: Value) -> Value {
        self.asked += 1;
        let id = format!("ask-{}", self.asked);
        frame["id"] = Value::String(id.clone());
        let kind = frame["type"].clone();
        self.send(frame).await;
        self.wait(&format!("an answer to {kind}"), |frame| frame["id"] == id.as_str()).await
    }

    /// Sends a command that must be answered `ok`.
    pub async fn command(&mut self, frame: Value) -> Value {
        let answer = self.ask(frame.clone()).await;
        assert_eq!(answer["type"], "ok", "{frame} was answered {answer}");
        answer
    }

    /// Sends a command that must be refused with this code.
    pub async fn refused(&mut self, frame: Value, code: &str) -> Value {
        let answer = self.ask(frame.clone()).await;
        assert_eq!(
            (answer["type"].as_str(), answer["code"].as_str()),
            (Some("error"), Some(code)),
            "{frame}: {answer}"
        );
        answer
    }

    /// The first frame, waiting or to come, that `wanted` likes.
    pub async fn wait(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(place) = self.waiting.iter().position(&wanted) {
            return self.waiting.remove(place).unwrap();
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let Some(frame) = self.read(deadline).await else {
                panic!("{what}: did not come; closed: {:?}; so far {:#?}", self.closed, self.all);
            };
            if wanted(&frame) {
                return frame;
            }
            self.waiting.push_back(frame);
        }
    }

    /// The first frame of this type.
    pub async fn wait_for(&mut self, kind: &str) -> Value {
        self.wait(kind, |frame| frame["type"] == kind).await
    }

    /// The next frame, whatever it is.
    pub async fn next(&mut self) -> Value {
        self.wait("a frame", |_| true).await
    }

    /// Reads for this long, and gives all that came or had come unasked.
    pub async fn listen(&mut self, time: Duration) -> Vec<Value> {
        let deadline = Instant::now() + time;
        while let Some(frame) = self.read(deadline).await {
            self.waiting.push_back(frame);
        }
        self.waiting.drain(..).collect()
    }

    /// Forgets the frames nobody has asked for.
    pub fn skip(&mut self) {
        self.waiting.clear();
    }

    /// Reads to the end: the close code and reason. 1006 for an end without a close frame.
    pub async fn closed(&mut self) -> (u16, String) {
        let deadline = Instant::now() + PATIENCE;
        while let Some(frame) = self.read(deadline).await {
            self.waiting.push_back(frame);
        }
        self.closed.clone().unwrap_or_else(|| panic!("still open; so far {:#?}", self.all))
    }

    /// The next frame; `None` at the deadline or when the socket has ended.
    async fn read(&mut self, deadline: Instant) -> Option<Value> {
        while self.closed.is_none() {
            let message = match tokio::time::timeout_at(deadline, self.stream.next()).await {
                Err(_) => return None,
                Ok(Some(Ok(message))) => message,
                Ok(None | Some(Err(_))) => {
                    self.closed = Some((1006, String::new()));
                    return None;
                }
            };
            match message {
                Message::Text(text) => {
                    let frame: Value = serde_json::from_str(&text).expect("every frame is JSON");
                    assert!(frame["type"].is_string(), "every frame has a type: {frame}");
                    self.all.push(frame.clone());
                    return Some(frame);
                }
                Message::Close(close) => {
                    let close = close.map(|frame| (u16::from(frame.code), frame.reason.to_string()));
                    self.closed = Some(close.unwrap_or((1005, String::new())));
                }
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("neither text nor control: {other:?}"),
            }
        }
        None
    }

    /// Every frame of this type so far, in order.
    pub fn every(&self, kind: &str) -> Vec<&Value> {
        self.all.iter().filter(|frame| frame["type"] == kind).collect()
    }
}
