//! Drivers and customers who do what people do, through the public contract.

use super::Caller;
use super::Server;
use super::Socket;
use super::Spot;
use super::now_ms;
use serde_json::Value;
use serde_json::json;

/// The body of an order from here to there.
pub fn order_body(pickup: Spot, dropoff: Spot) -> Value {
    json!({
        "kind": "food", "pickup": pickup.json(), "dropoff": dropoff.json(),
        "items": [{ "name": "soup", "quantity": 2, "unit_price": 650 }],
    })
}

/// A driver with an open socket.
pub struct Driver {
    pub id: String,
    pub caller: Caller,
    pub socket: Socket,
    /// What the socket began with.
    pub welcome: Value,
    /// The last `seq` sent.
    pub seq: i64,
    /// The last timestamp sent: a device's clock never gives two fixes the same one.
    clock_ms: i64,
}

impl Driver {
    /// Connected, nothing said yet; goes on with the `seq` that the server knows.
    pub async fn connect(server: &Server, id: &str) -> Self {
        let caller = server.caller("driver", id);
        let (socket, welcome) = caller.welcomed_socket("/ws/driver").await;
        let seq = welcome["last_seq"].as_i64().expect("last_seq in a driver's welcome");
        Self { id: id.to_owned(), caller, socket, welcome, seq, clock_ms: 0 }
    }

    /// Connected, sharing, available, and known to be at this place.
    pub async fn on_shift(server: &Server, id: &str, at: Spot) -> Self {
        let mut driver = Self::connect(server, id).await;
        driver.available().await;
        driver.arrive(at).await;
        driver
    }

    pub async fn available(&mut self) {
        self.socket.command(json!({ "type": "status", "status": "available", "share_location": true })).await;
    }

    /// A fix at this place with the next `seq`, to change and send.
    pub fn fix(&mut self, at: Spot) -> Value {
        self.seq += 1;
        self.clock_ms = now_ms().max(self.clock_ms + 1);
        json!({
            "type": "location", "latitude": at.latitude, "longitude": at.longitude, "seq": self.seq,
            "timestamp": self.clock_ms, "accuracy": 5, "speed": 8.5, "heading": 90,
        })
    }

    /// Sends a fix and gives its `seq`.
    pub async fn at(&mut self, at: Spot) -> i64 {
        let fix = self.fix(at);
        self.socket.send(fix).await;
        self.seq
    }

    /// Sends a fix and waits until it is settled.
    pub async fn arrive(&mut self, at: Spot) {
        let seq = self.at(at).await;
        self.settled(seq).await;
    }

    /// Waits until every fix up to this one is settled; the ack that says so.
    pub async fn settled(&mut self, seq: i64) -> Value {
        let what = format!("ack of {seq}");
        self.socket.wait(&what, |frame| frame["type"] == "ack" && frame["seq"].as_i64() >= Some(seq)).await
    }

    /// The next offer for this order.
    pub async fn offer_of(&mut self, order_id: &str) -> String {
        let is_it = |frame: &Value| frame["type"] == "offer" && frame["orders"][0]["order_id"] == order_id;
        let offer = self.socket.wait("an offer", is_it).await;
        offer["offer_id"].as_str().unwrap().to_owned()
    }

    /// Waits for the offer of this order and accepts it.
    pub async fn take(&mut self, order_id: &str) {
        let offer_id = self.offer_of(order_id).await;
        self.socket.command(json!({ "type": "offer.accept", "offer_id": offer_id })).await;
    }

    /// Accepts an offer that has come.
    pub async fn take_offer(&mut self, offer: &Value) {
        self.socket.command(json!({ "type": "offer.accept", "offer_id": offer["offer_id"] })).await;
    }

    /// Takes a step of the order.
    pub async fn step(&mut self, order_id: &str, status: &str) {
        self.socket.command(json!({ "type": "order.status", "order_id": order_id, "status": status })).await;
    }
}

/// A customer, by HTTP.
pub struct Customer {
    pub caller: Caller,
}

impl Customer {
    pub fn new(server: &Server, id: &str) -> Self {
        Self { caller: server.caller("customer", id) }
    }

    /// Orders from here to there; the id of the order.
    pub async fn order(&self, pickup: Spot, dropoff: Spot) -> String {
        self.order_with(order_body(pickup, dropoff)).await
    }

    /// Orders this; the id of the order.
    pub async fn order_with(&self, body: Value) -> String {
        let placed = self.caller.post("/orders", body).await.expect(201);
        placed.body["order_id"].as_str().unwrap().to_owned()
    }

    /// A socket that follows this order, its present state read already.
    pub async fn follow(&self, order_id: &str) -> Socket {
        let mut socket = self.caller.socket("/ws/customer").await;
        socket.command(json!({ "type": "subscribe", "order_id": order_id })).await;
        socket.wait("the order", |frame| frame["type"] == "order" && frame["order_id"] == order_id).await;
        socket
    }

    /// The order as it stands.
    pub async fn look(&self, order_id: &str) -> Value {
        self.caller.get(&format!("/orders/{order_id}")).await.expect(200).body
    }
}
