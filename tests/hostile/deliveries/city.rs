//! The orders, drivers and operators of the story, who change their minds without pause.

use super::history::Answers;
use super::history::Hidden;
use crate::proof::Dice;
use crate::support::CENTRE;
use crate::support::Caller;
use crate::support::Customer;
use crate::support::Driver;
use crate::support::Reply;
use crate::support::Server;
use crate::support::now_ms;
use crate::support::order_body;
use serde_json::Value;
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Between two changes by one operator.
const MEDDLE: Duration = Duration::from_millis(12);
/// Drivers an operator tries before another order gets a turn.
const TRIES: usize = 6;
/// Between two looks of a customer at their orders.
const LOOK: Duration = Duration::from_millis(150);
/// Fixes of one driver between two looks at what came.
const DRIVE: Duration = Duration::from_millis(12);
/// How long a driver who has said no stays hidden: longer than the second in which they may still be seen.
const HIDE: Duration = Duration::from_millis(1_600);

/// What everybody shares.
#[derive(Debug)]
pub struct City {
    wanted: usize,
    /// Positions that reached somebody.
    pub delivered: AtomicUsize,
    pub changes: AtomicUsize,
    /// Every order, by customer, the newest last.
    orders: Mutex<HashMap<String, Vec<String>>>,
    open: Mutex<Vec<String>>,
    answers: Mutex<Answers>,
    hidden: Mutex<Vec<Hidden>>,
}

impl City {
    pub fn new(wanted: usize) -> Arc<Self> {
        Arc::new(Self {
            wanted,
            delivered: AtomicUsize::new(0),
            changes: AtomicUsize::new(0),
            orders: Mutex::default(),
            open: Mutex::default(),
            answers: Mutex::default(),
            hidden: Mutex::default(),
        })
    }

    pub fn is_over(&self) -> bool {
        self.delivered.load(Ordering::Relaxed) >= self.wanted
    }

    pub fn orders_of(&self, customer: &str) -> Vec<String> {
        self.orders.lock().unwrap().get(customer).cloned().unwrap_or_default()
    }

    pub fn all_orders(&self) -> Vec<String> {
        self.orders.lock().unwrap().values().flatten().cloned().collect()
    }

    pub fn any_open(&self, dice: &mut Dice) -> Option<String> {
        let open = self.open.lock().unwrap();
        (!open.is_empty()).then(|| dice.pick(&open).clone())
    }

    pub fn answers(&self) -> Answers {
        self.answers.lock().unwrap().clone()
    }

    pub fn hidden(&self) -> Vec<Hidden> {
        self.hidden.lock().unwrap().clone()
    }

    /// Sends a change and notes when it was answered.
    async fn change(&self, who: &Caller, order_id: &str, act: &str, body: Value) -> Reply {
        let reply = who.post(&format!("/orders/{order_id}/{act}"), body).await;
        assert!(matches!(reply.status, 200 | 404 | 409), "{reply:?}");
        if let (200, Some(version)) = (reply.status, reply.body["version"].as_i64()) {
            self.changes.fetch_add(1, Ordering::Relaxed);
            self.answers.lock().unwrap().entry((order_id.to_owned(), version)).or_insert_with(now_ms);
        }
        reply
    }

    /// One customer, who always has an order open, and calls one off now and then.
    pub async fn order(self: Arc<Self>, customer: Customer, name: String, mut dice: Dice) {
        let mut beat = tokio::time::interval(LOOK);
        let mut current: Option<String> = None;
        while !self.is_over() {
            beat.tick().await;
            let Some(order_id) = current.clone() else {
                let body = order_body(CENTRE.north(dice.roll(800) as f64), CENTRE.north(900.0));
                let order_id = customer.order_with(body).await;
                self.open.lock().unwrap().push(order_id.clone());
                self.orders.lock().unwrap().entry(name.clone()).or_default().push(order_id.clone());
                current = Some(order_id);
                continue;
            };
            if dice.one_in(100) {
                self.change(&customer.caller, &order_id, "cancel", Value::Null).await;
            }
            let status = customer.look(&order_id).await["status"].as_str().unwrap().to_owned();
            if matches!(status.as_str(), "delivered" | "cancelled" | "failed") {
                self.open.lock().unwrap().retain(|other| *other != order_id);
                current = None;
            }
        }
    }

    /// One operator, who gives orders to any driver and takes them away again.
    pub async fn meddle(self: Arc<Self>, operator: Caller, drivers: usize, mut dice: Dice) {
        let mut beat = tokio::time::interval(MEDDLE);
        while !self.is_over() {
            beat.tick().await;
            let Some(order_id) = self.any_open(&mut dice) else { continue };
            match dice.roll(60) {
                0..=17 => drop(self.change(&operator, &order_id, "unassign", Value::Null).await),
                18 => drop(self.change(&operator, &order_id, "cancel", Value::Null).await),
                // Most drivers are busy with another.
                _ => {
                    for _ in 0..TRIES {
                        let driver = json!({ "driver_id": driver_name(dice.roll(drivers)) });
                        if self.change(&operator, &order_id, "assign", driver).await.status == 200 {
                            break;
                        }
                    }
                }
            }
        }
    }

    /// One driver, who streams fixes, takes some offers and steps, pauses, and hides at times.
    pub async fn drive(self: Arc<Self>, mut driver: Driver, mut dice: Dice) {
        let mut hides_until = None;
        while !self.is_over() {
            for frame in driver.socket.listen(DRIVE).await {
                self.react(&driver, &frame, &mut dice).await;
            }
            driver.socket.all.clear();
            let at = CENTRE.north(dice.roll(60) as f64).east(dice.roll(60) as f64);
            driver.at(at).await;
            match hides_until {
                Some((from_ms, until)) if tokio::time::Instant::now() >= until => {
                    let hidden = Hidden { driver_id: driver.id.clone(), from_ms, until_ms: now_ms() };
                    self.hidden.lock().unwrap().push(hidden);
                    self.shift(&driver, json!({ "status": "available", "share_location": true })).await;
                    hides_until = None;
                }
                None if dice.one_in(1_500) => {
                    self.shift(&driver, json!({ "status": "offline", "share_location": false })).await;
                    hides_until = Some((now_ms(), tokio::time::Instant::now() + HIDE));
                }
                None if dice.one_in(150) => {
                    let status = *dice.pick(&["paused", "offline", "available", "available"]);
                    self.shift(&driver, json!({ "status": status })).await;
                }
                _ => {}
            }
        }
    }

    async fn shift(&self, driver: &Driver, wish: Value) {
        let path = format!("/drivers/{}/status", driver.id);
        loop {
            let reply = driver.caller.post(&path, wish.clone()).await;
            // Ten operators change the driver meanwhile, and a slow disk lets them be first many times over.
            if reply.body["code"] != "conflict" {
                reply.expect(200);
                return;
            }
        }
    }

    async fn react(&self, driver: &Driver, frame: &Value, dice: &mut Dice) {
        match frame["type"].as_str() {
            Some("offer") if dice.one_in(2) => {
                let order_id = frame["orders"][0]["order_id"].as_str().unwrap();
                let accept = format!("offers/{}/accept", frame["offer_id"].as_str().unwrap());
                self.change(&driver.caller, order_id, &accept, Value::Null).await;
            }
            Some("order") if frame["driver_id"] == driver.id.as_str() => {
                let order_id = frame["order_id"].as_str().unwrap();
                let next = match frame["status"].as_str().unwrap() {
                    "assigned" if dice.one_in(5) => "at_pickup",
                    "at_pickup" if dice.one_in(2) => "picked_up",
                    "picked_up" => "at_dropoff",
                    "at_dropoff" => "delivered",
                    _ => return,
                };
                self.change(&driver.caller, order_id, "status", json!({ "status": next })).await;
            }
            _ => {}
        }
    }
}

pub fn driver_name(number: usize) -> String {
    format!("seen-{number}")
}

pub fn customer_name(number: usize) -> String {
    format!("looks-{number}")
}

/// Drivers who are on shift and may be seen.
pub async fn drivers(server: &Server, count: usize) -> Vec<Driver> {
    let mut drivers = Vec::new();
    for number in 0..count {
        drivers.push(Driver::on_shift(server, &driver_name(number), CENTRE).await);
    }
    drivers
}
