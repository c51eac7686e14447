//! A server that knows one order. It keeps its state when it is killed, as a real one keeps it on disk.

use crate::simulate::wire::Status;
use futures_util::SinkExt;
use futures_util::StreamExt;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// A way to break the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    SkipEvent,
    ShowAlways,
    ForgetFixes,
}

#[derive(Default)]
pub(super) struct State {
    order: Option<Value>,
    events: Vec<Value>,
    fixes: BTreeSet<i64>,
    batch: usize,
    drivers: usize,
}

impl State {
    pub(super) fn history(&self) -> Vec<Status> {
        let mut steps: Vec<Status> =
            self.events.iter().map(|event| serde_json::from_value(event["status"].clone()).unwrap()).collect();
        steps.dedup();
        steps
    }

    pub(super) fn fixes_stored(&self) -> usize {
        self.fixes.len()
    }

    pub(super) fn largest_batch(&self) -> usize {
        self.batch
    }

    pub(super) fn drivers_connected(&self) -> usize {
        self.drivers
    }

    fn move_to(&mut self, status: &str) -> Option<Value> {
        let order = self.order.as_mut()?;
        let seq = i64::try_from(self.events.len()).unwrap() + 1;
        order["status"] = status.into();
        order["version"] = seq.into();
        let driver = if status == "searching" { Value::Null } else { "D001".into() };
        if seq > 3 {
            order["driver_id"] = driver;
        }
        let event = json!({"type": "order", "order_id": "order-1", "seq": seq, "status": status, "driver_id": order["driver_id"]});
        self.events.push(event.clone());
        Some(event)
    }
}

/// What goes to all sockets.
#[derive(Debug, Clone)]
enum News {
    Event(Value),
    Location(Value),
    CloseDrivers(u16),
}

/// The server, and its network as long as it lives.
pub(super) struct Fake {
    addr: SocketAddr,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    news: broadcast::Sender<News>,
    secret: Vec<u8>,
    fault: Option<Fault>,
}

impl Fake {
    pub(super) async fn start(secret: &[u8], fault: Option<Fault>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (news, _) = broadcast::channel(4_096);
        let shared = Arc::new(Shared { state: Mutex::default(), news, secret: secret.to_vec(), fault });
        let listening = Some(tokio::spawn(listen(listener, Arc::clone(&shared))));
        Self { addr, shared, listening }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap()
    }

    pub(super) fn close_drivers(&self, code: u16) {
        // Nobody there to be closed is no failure: the caller goes on until the driver has ended.
        let _ = self.shared.news.send(News::CloseDrivers(code));
    }

    /// Every connection breaks at once, without a goodbye.
    pub(super) async fn kill(&mut self) {
        let listening = self.listening.take().unwrap();
        listening.abort();
        assert!(listening.await.unwrap_err().is_cancelled());
    }

    pub(super) async fn restart(&mut self) {
        let listener = TcpListener::bind(self.addr).await.unwrap();
        self.listening = Some(tokio::spawn(listen(listener, Arc::clone(&self.shared))));
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(serve(stream, Arc::clone(&shared)));
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let mut start = [0_u8; 16];
    while stream.peek(&mut start).await.unwrap_or(0) < start.len() {
        tokio::task::yield_now().await;
    }
    let start = String::from_utf8_lossy(&start).into_owned();
    if start.starts_with("GET /ws/driver") {
        shared.driver(stream).await;
    } else if start.starts_with("GET /ws/") {
        shared.customer(stream).await;
    } else {
        shared.http(&mut stream).await;
    }
}

impl Shared {
    async fn http(&self, stream: &mut TcpStream) {
        let mut request = Vec::new();
        let (head, mut body) = loop {
            let mut chunk = [0_u8; 4_096];
            let read = stream.read(&mut chunk).await.unwrap_or(0);
            if read == 0 {
                return;
            }
            request.extend_from_slice(&chunk[..read]);
            if let Some(at) = request.windows(4).position(|window| window == b"\r\n\r\n") {
                break (String::from_utf8_lossy(&request[..at]).into_owned(), request[at + 4..].to_vec());
            }
        };
        let header = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
        };
        let length: usize = header("content-length").map_or(0, |length| length.parse().unwrap());
        let missing = length - body.len();
        let mut rest = vec![0_u8; missing];
        stream.read_exact(&mut rest).await.unwrap();
        body.extend(rest);
        let claims = self.claims(&header("authorization").unwrap());
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let answer = self.answer(method, path.trim_start_matches("/api/v1"), &claims, &body);
        let (status, body) = answer.map_or((404, json!({"code": "not_found"})), |body| (200, body));
        let body = body.to_string();
        let head = format!("HTTP/1.1 {status} -\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    }

    fn claims(&self, authorization: &str) -> Value {
        let mut validation = jsonwebtoken::Validation::default();
        validation.set_audience(&["beeline"]);
        let key = jsonwebtoken::DecodingKey::from_secret(&self.secret);
        jsonwebtoken::decode(authorization.trim_start_matches("Bearer "), &key, &validation).unwrap().claims
    }

    fn answer(&self, method: &str, path: &str, claims: &Value, body: &[u8]) -> Option<Value> {
        let mut state = self.state.lock().unwrap();
        let mine = |order: &Value| {
            let id = ["customer_id", "driver_id", "merchant_id"].map(|key| order[key].clone());
            id.contains(&claims["sub"]) || claims["role"] == "service"
        };
        if (method, path) == ("POST", "/orders") {
            let mut order: Value = serde_json::from_slice(body).unwrap();
            order["order_id"] = "order-1".into();
            order["customer_id"] = claims["sub"].clone();
            order["driver_id"] = Value::Null;
            order["prep"] = json!({"state": "preparing", "seconds": 1});
            state.order = Some(order);
            for status in ["created", "paid", "searching"] {
                let event = state.move_to(status)?;
                let _ = self.news.send(News::Event(event));
            }
            return state.order.clone();
        }
        if let Some(query) = path.strip_prefix("/orders?status=") {
            let status = query.split('&').next()?;
            let found: Vec<&Value> =
                state.order.iter().filter(|order| order["status"] == status && mine(order)).collect();
            return Some(json!({"orders": found, "next_cursor": null}));
        }
        let order = state.order.as_mut().filter(|order| mine(order))?;
        match (method, path) {
            ("GET", "/orders/order-1") => Some(order.clone()),
            ("POST", "/orders/order-1/ready") => {
                order["prep"]["state"] = "ready".into();
                let (order, mut event) = (order.clone(), json!(null));
                let status = order["status"].as_str()?.to_owned();
                if let Some(moved) = state.move_to(&status) {
                    event = moved;
                }
                event["order"] = state.order.clone()?;
                let _ = self.news.send(News::Event(event));
                Some(order)
            }
            _ => None,
        }
    }

    async fn driver(&self, stream: TcpStream) {
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        let mut news = self.news.subscribe();
        let welcome = {
            let mut state = self.state.lock().unwrap();
            state.drivers += 1;
            let kept = state.fixes.last().filter(|_| self.fault != Some(Fault::ForgetFixes));
            json!({"type": "welcome", "session": "s", "heartbeat_s": 15, "last_seq": kept})
        };
        socket.send(Message::text(welcome.to_string())).await.unwrap();
        let mut offered = false;
        loop {
            let answers = tokio::select! {
                frame = socket.next() => match frame {
                    Some(Ok(Message::Text(text))) => self.command(&serde_json::from_str(&text).unwrap()),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => Vec::new(),
                    _ => return,
                },
                told = news.recv() => match told.unwrap() {
                    News::Event(event) if event["driver_id"] == "D001" => vec![event],
                    News::CloseDrivers(code) => {
                        let frame = CloseFrame { code: code.into(), reason: "".into() };
                        let _ = socket.close(Some(frame)).await;
                        // Until the driver hangs up: closing upon unread fixes resets the connection, and the code is lost.
                        while let Some(Ok(_)) = socket.next().await {}
                        return;
                    }
                    _ => Vec::new(),
                },
            };
            let offer = self.offer().filter(|_| !offered);
            offered |= offer.is_some();
            for answer in answers.into_iter().chain(offer) {
                if socket.send(Message::text(answer.to_string())).await.is_err() {
                    return;
                }
            }
            let forget = self.fault == Some(Fault::ForgetFixes) && self.state.lock().unwrap().fixes.len() % 8 == 7;
            if forget {
                return;
            }
        }
    }

    fn offer(&self) -> Option<Value> {
        let state = self.state.lock().unwrap();
        let order = state.order.as_ref().filter(|order| order["status"] == "searching")?;
        Some(json!({"type": "offer", "offer_id": "offer-1", "orders": [order], "pickup_eta_s": 60}))
    }

    fn command(&self, frame: &Value) -> Vec<Value> {
        let mut state = self.state.lock().unwrap();
        let done = json!({"type": "ok", "id": frame["id"]});
        let step = match frame["type"].as_str().unwrap() {
            "location" => {
                self.store(&mut state, frame);
                return vec![json!({"type": "ack", "seq": frame["seq"], "conflated": []})];
            }
            "locations" => {
                let fixes = frame["fixes"].as_array().unwrap();
                state.batch = state.batch.max(fixes.len());
                fixes.iter().for_each(|fix| self.store(&mut state, fix));
                return vec![json!({"type": "ok", "id": frame["id"], "accepted": fixes.len(), "rejected": []})];
            }
            "offer.accept" => "assigned",
            "order.status" => frame["status"].as_str().unwrap(),
            _ => return vec![done],
        };
        let stands = state.order.as_ref().is_some_and(|order| order["status"] == step);
        if !stands && let Some(event) = state.move_to(step) {
            let _ = self.news.send(News::Event(event));
        }
        vec![done]
    }

    fn store(&self, state: &mut State, fix: &Value) {
        state.fixes.insert(fix["seq"].as_i64().unwrap());
        let now = crate::protocol::time::to_rfc3339(crate::domain::time::Millis(fix["timestamp"].as_i64().unwrap()));
        let shown = state.order.as_ref().is_some_and(|order| {
            ["assigned", "at_pickup", "picked_up", "at_dropoff"].map(Value::from).contains(&order["status"])
        });
        if shown || self.fault == Some(Fault::ShowAlways) && state.order.is_some() {
            let at = json!({"type": "location", "order_id": "order-1", "driver_id": "D001", "latitude": fix["latitude"],
                "longitude": fix["longitude"], "timestamp": now, "age_ms": 1, "eta_s": 1});
            let _ = self.news.send(News::Location(at));
        }
    }

    async fn customer(&self, stream: TcpStream) {
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        let welcome = json!({"type": "welcome", "session": "s", "heartbeat_s": 15});
        socket.send(Message::text(welcome.to_string())).await.unwrap();
        let mut news = self.news.subscribe();
        let mut subscribed = false;
        loop {
            let frames = tokio::select! {
                frame = socket.next() => match frame {
                    Some(Ok(Message::Text(text))) => {
                        subscribed = true;
                        news = self.news.subscribe();
                        self.subscribe(&serde_json::from_str(&text).unwrap())
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => Vec::new(),
                    _ => return,
                },
                told = news.recv() => match told.unwrap() {
                    News::Event(event) if event["seq"] == 5 && self.fault == Some(Fault::SkipEvent) => Vec::new(),
                    News::Event(frame) | News::Location(frame) => vec![frame],
                    News::CloseDrivers(_) => Vec::new(),
                },
            };
            for frame in frames.into_iter().filter(|_| subscribed) {
                if socket.send(Message::text(frame.to_string())).await.is_err() {
                    return;
                }
            }
        }
    }

    fn subscribe(&self, frame: &Value) -> Vec<Value> {
        let state = self.state.lock().unwrap();
        let newest = i64::try_from(state.events.len()).unwrap() - 1;
        let after = frame["after"].as_i64().unwrap_or(newest);
        let wanted = state.events.iter().filter(|event| event["seq"].as_i64().unwrap() > after).cloned();
        std::iter::once(json!({"type": "ok", "id": frame["id"]})).chain(wanted).collect()
    }
}
