//! A server of the contract's load path, small enough to be seen through: what the generator's set-up and accounting
//! are checked against. It keeps nothing and validates tokens, roles and the order of steps only.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

/// How long a client may leave a frame untaken.
const STALL_MAX: Duration = Duration::from_secs(1);

pub const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// How the server misbehaves.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// Every so many fixes of a driver one is not passed on, and not counted as conflated either.
    pub swallow_one_in: Option<u64>,
    /// A client that does not read keeps its socket.
    pub keeps_stalled: bool,
}

#[derive(Default)]
struct State {
    faults: Faults,
    on_shift: HashSet<String>,
    orders: HashMap<String, Order>,
    fixes: u64,
}

#[derive(Default)]
struct Order {
    customer: String,
    assign_tries: u32,
    driver: Option<String>,
    watcher: Option<UnboundedSender<Message>>,
}

/// Serves until the runtime ends.
pub async fn serve(faults: Faults) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let state = Arc::new(Mutex::new(State { faults, ..State::default() }));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(connection(stream, Arc::clone(&state)));
        }
    });
    addr
}

async fn connection(stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut start = [0; 8];
    while stream.peek(&mut start).await.unwrap() < start.len() {}
    if start.starts_with(b"GET /ws/") { socket(stream, state).await } else { http(stream, state).await }
}

/// (role, subject) of a bearer header; a bad token is a failed test.
fn bearer(header: &str) -> (String, String) {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_audience(&["beeline"]);
    let key = DecodingKey::from_secret(SECRET.as_bytes());
    let claims =
        jsonwebtoken::decode::<Value>(header.strip_prefix("Bearer ").unwrap(), &key, &validation).unwrap().claims;
    (claims["role"].as_str().unwrap().to_owned(), claims["sub"].as_str().unwrap().to_owned())
}

async fn socket(stream: TcpStream, state: Arc<Mutex<State>>) {
    let kernel = socket2::SockRef::from(&stream);
    // Closing is resetting: what a client has not taken goes with it. And the kernel takes little of it.
    kernel.set_linger(Some(Duration::ZERO)).unwrap();
    kernel.set_send_buffer_size(8_192).unwrap();
    let (mut path, mut who) = (String::new(), (String::new(), String::new()));
    #[allow(clippy::result_large_err)]
    let look = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        path = request.uri().path().to_owned();
        who = bearer(request.headers()["authorization"].to_str().unwrap());
        Ok(response)
    };
    let (mut sink, mut source) = tokio_tungstenite::accept_hdr_async(stream, look).await.unwrap().split();
    assert_eq!(path, format!("/ws/{}", who.0));
    let (sender, mut outgoing) = unbounded_channel();
    sender.send(Message::text(r#"{"type":"welcome","session":"s","heartbeat_s":15}"#)).unwrap();
    sender.send(Message::Ping("beat".into())).unwrap();
    let stall_max = if state.lock().unwrap().faults.keeps_stalled { Duration::MAX } else { STALL_MAX };
    let write = async {
        while let Some(message) = outgoing.recv().await {
            if tokio::time::timeout(stall_max, sink.send(message)).await.is_err() {
                return;
            }
        }
    };
    let read = async {
        while let Some(Ok(message)) = source.next().await {
            if let Message::Text(text) = message {
                let message: Value = serde_json::from_str(&text).unwrap();
                let answer = state.lock().unwrap().message(&who.1, &message, &sender);
                sender.send(Message::text(answer.to_string())).unwrap();
            }
        }
    };
    tokio::select! {
        () = write => (),
        () = read => (),
    }
}

impl State {
    fn message(&mut self, who: &str, message: &Value, sender: &UnboundedSender<Message>) -> Value {
        match message["type"].as_str().unwrap() {
            "status" => {
                assert_eq!((&message["status"], &message["share_location"]), (&json!("available"), &json!(true)));
                self.on_shift.insert(who.to_owned());
                json!({"type": "ok", "id": message["id"]})
            }
            "subscribe" => {
                let order = self.orders.get_mut(message["order_id"].as_str().unwrap()).unwrap();
                assert_eq!(order.customer, who);
                assert!(order.driver.is_some());
                order.watcher = Some(sender.clone());
                json!({"type": "ok", "id": message["id"]})
            }
            "location" => {
                assert!(self.on_shift.contains(who));
                self.fixes += 1;
                self.push(who, message);
                json!({"type": "ack", "seq": message["seq"], "conflated": []})
            }
            other => panic!("unexpected {other}"),
        }
    }

    fn push(&self, driver: &str, fix: &Value) {
        if self.faults.swallow_one_in.is_some_and(|n| self.fixes.is_multiple_of(n)) {
            return;
        }
        let watched = self.orders.iter().find(|(_, order)| order.driver.as_deref() == Some(driver));
        let Some((order_id, watcher)) = watched.and_then(|(id, order)| Some((id, order.watcher.as_ref()?))) else {
            return;
        };
        let time = jiff::Timestamp::from_millisecond(fix["timestamp"].as_i64().unwrap()).unwrap();
        let location = json!({"type": "location", "order_id": order_id, "driver_id": driver, "latitude": fix["latitude"],
            "longitude": fix["longitude"], "timestamp": format!("{time:.3}"), "age_ms": 0, "eta_s": 1});
        // A watcher whose socket has ended is told nothing.
        let _ = watcher.send(Message::text(location.to_string()));
    }

    fn call(&mut self, request: &str, who: &(String, String), body: &Value) -> (u16, String) {
        let path: Vec<&str> = request.split(' ').nth(1).unwrap().split('/').skip(1).collect();
        match (request.split(' ').next().unwrap(), path.as_slice()) {
            ("GET", ["metrics"]) => (200, self.metrics()),
            ("GET", ["api", "v1", "drivers", driver, "location"]) => {
                assert_eq!(who.0, "service");
                (200, json!({"driver_id": driver}).to_string())
            }
            ("POST", ["api", "v1", "orders"]) => {
                assert_eq!((who.0.as_str(), &body["prep_seconds"]), ("service", &json!(0)));
                let id = format!("order-{}", self.orders.len());
                let customer = body["customer_id"].as_str().unwrap().to_owned();
                self.orders.insert(id.clone(), Order { customer, ..Order::default() });
                (201, json!({"order_id": id}).to_string())
            }
            ("POST", ["api", "v1", "orders", id, "assign"]) => {
                assert_eq!(who.0, "operator");
                let order = self.orders.get_mut(*id).unwrap();
                order.assign_tries += 1;
                if order.assign_tries == 1 {
                    return (409, r#"{"code":"illegal_transition"}"#.into());
                }
                order.driver = body["driver_id"].as_str().map(str::to_owned);
                (200, "{}".into())
            }
            other => panic!("unexpected {other:?}"),
        }
    }

    fn metrics(&self) -> String {
        let fixes = self.fixes;
        ["beeline_fix_handling_seconds", "beeline_fix_push_seconds", "beeline_current_location_seconds"]
            .map(|name| format!("{name}_bucket{{le=\"0.001\"}} {fixes}\n{name}_bucket{{le=\"+Inf\"}} {fixes}\n"))
            .concat()
            + "beeline_fixes_conflated_total 0\n"
    }
}

async fn http(stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut head, mut line) = (Vec::new(), String::new());
        while stream.read_line(&mut line).await.unwrap() > 2 {
            head.push(std::mem::take(&mut line).trim_end().to_owned());
        }
        let Some(request) = head.first() else { return };
        let field = |name: &str| head.iter().find_map(|line| line.strip_prefix(name));
        let who = field("Authorization: ").map(bearer).unwrap_or_default();
        let mut body = vec![0; field("Content-Length: ").map_or(0, |length| length.parse().unwrap())];
        stream.read_exact(&mut body).await.unwrap();
        let body = serde_json::from_slice(&body).unwrap_or_default();
        let (status, text) = state.lock().unwrap().call(request, &who, &body);
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{text}", text.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}
