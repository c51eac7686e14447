//! Everybody who looks, by right or not: sockets that stay, sockets that come and go, plain reads, and strangers.

use super::city::City;
use super::eye::Eye;
use super::history::Delivery;
use crate::line::Heard;
use crate::line::Line;
use crate::proof::Dice;
use crate::support::Caller;
use crate::support::now_ms;
use serde_json::Value;
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// How often a screen looks for new orders.
const BEAT: Duration = Duration::from_millis(60);
/// The longest a restless screen stays.
const STAY_MAX_MS: usize = 900;

/// What one who looked has seen.
#[derive(Debug, Default)]
pub struct Seen {
    pub deliveries: Vec<Delivery>,
    pub sockets: usize,
    pub refusals: usize,
}

/// One who looks at the orders of a customer.
pub struct Screen {
    city: Arc<City>,
    address: String,
    caller: Caller,
    customer: String,
    dice: Dice,
    seen: Seen,
}

type Outcome = Result<Seen, String>;

impl Screen {
    pub fn new(city: &Arc<City>, address: &str, caller: Caller, customer: String, dice: Dice) -> Self {
        Self { city: city.clone(), address: address.to_owned(), caller, customer, dice, seen: Seen::default() }
    }

    async fn open(&mut self) -> Result<Line, String> {
        self.seen.sockets += 1;
        let opened = Line::open(&self.address, "/ws/customer", self.caller.token.as_deref()).await;
        opened.map_err(|why| format!("{} got no socket: {why:?}", self.customer))
    }

    /// Follows every order of the customer, past its end.
    pub async fn stay(mut self) -> Outcome {
        while !self.city.is_over() {
            let line = self.open().await?;
            self.follow(line, None).await?;
        }
        Ok(self.seen)
    }

    /// Follows, turns away, looks again, leaves without a word, comes back.
    pub async fn come_and_go(mut self) -> Outcome {
        while !self.city.is_over() {
            let line = self.open().await?;
            let stay = Duration::from_millis(self.dice.roll(STAY_MAX_MS) as u64);
            self.follow(line, Some(Instant::now() + stay)).await?;
        }
        Ok(self.seen)
    }

    /// One socket, until `leave_at` or the end of everything. A restless one turns away from some orders.
    async fn follow(&mut self, mut line: Line, leave_at: Option<Instant>) -> Result<(), String> {
        let (mut eye, mut beat) = (Eye::default(), tokio::time::interval(BEAT));
        let mut asked: Vec<String> = Vec::new();
        let mut turning: HashMap<String, String> = HashMap::new();
        while !self.city.is_over() && leave_at.is_none_or(|leave_at| Instant::now() < leave_at) {
            tokio::select! {
                _ = beat.tick() => {
                    let orders = self.city.orders_of(&self.customer);
                    for order_id in orders.iter().rev().take(2).filter(|order_id| !asked.contains(order_id)) {
                        line.say(&json!({ "type": "subscribe", "order_id": order_id })).await;
                    }
                    asked = orders;
                    if let Some(order_id) = asked.last().filter(|_| leave_at.is_some() && self.dice.one_in(4)) {
                        let id = format!("turn-{}", turning.len());
                        line.say(&json!({ "type": "unsubscribe", "order_id": order_id, "id": id })).await;
                        turning.insert(id, order_id.clone());
                    }
                }
                heard = line.hear(BEAT) => match heard {
                    Heard::Frame(frame) => {
                        self.note(&frame);
                        eye.see(&frame).map_err(|what| format!("{} on one socket: {what}", self.customer))?;
                        if let Some(order_id) = frame["id"].as_str().and_then(|id| turning.get(id)) {
                            eye.turned_away(order_id);
                        }
                    }
                    Heard::Nothing => {}
                    Heard::End(4413) => return Ok(()),
                    Heard::End(code) => return Err(format!("{} was closed with {code}", self.customer)),
                },
            }
        }
        Ok(())
    }

    fn note(&mut self, frame: &Value) {
        if frame["type"] == "location" {
            let came_ms = now_ms();
            self.delivered(frame["order_id"].as_str().unwrap_or_default(), frame, (came_ms, came_ms));
        }
    }

    fn delivered(&mut self, order_id: &str, shown: &Value, (asked_ms, came_ms): (i64, i64)) {
        let driver_id = shown["driver_id"].as_str().unwrap_or_default().to_owned();
        self.seen.deliveries.push(Delivery { order_id: order_id.to_owned(), driver_id, asked_ms, came_ms });
        self.city.delivered.fetch_add(1, Ordering::Relaxed);
    }

    /// Reads the position plainly, again and again, of orders that have ended too.
    pub async fn poll(mut self) -> Outcome {
        let mut beat = tokio::time::interval(BEAT);
        while !self.city.is_over() {
            beat.tick().await;
            let orders = self.city.orders_of(&self.customer);
            let newest = &orders[orders.len().saturating_sub(2)..];
            if newest.is_empty() {
                continue;
            }
            let (order_id, asked_ms) = (self.dice.pick(newest).clone(), now_ms());
            let reply = self.caller.get(&format!("/orders/{order_id}/driver-location")).await;
            match (reply.status, reply.body["code"].as_str()) {
                (200, _) => self.delivered(&order_id, &reply.body, (asked_ms, now_ms())),
                (409, Some("not_in_delivery" | "no_position")) => self.seen.refusals += 1,
                _ => return Err(format!("a position was answered {reply:?}")),
            }
        }
        Ok(self.seen)
    }

    /// Somebody else's orders: nothing of them may be told, by any door.
    pub async fn intrude(mut self) -> Outcome {
        while !self.city.is_over() {
            let mut line = self.open().await?;
            let leave_at = Instant::now() + Duration::from_millis(STAY_MAX_MS as u64);
            let mut beat = tokio::time::interval(BEAT);
            while Instant::now() < leave_at && !self.city.is_over() {
                tokio::select! {
                    _ = beat.tick() => {
                        let Some(order_id) = self.city.any_open(&mut self.dice) else { continue };
                        line.say(&json!({ "type": "subscribe", "order_id": order_id, "id": "x", "after": 0 })).await;
                        let reply = self.caller.get(&format!("/orders/{order_id}/driver-location")).await;
                        reply.problem(404, "not_found");
                    }
                    heard = line.hear(BEAT) => match heard {
                        Heard::Frame(frame) if frame["type"] == "welcome" => {}
                        Heard::Frame(frame) if frame["code"] == "not_found" => self.seen.refusals += 1,
                        Heard::Nothing => {}
                        other => return Err(format!("a stranger heard {other:?}")),
                    },
                }
            }
        }
        Ok(self.seen)
    }
}
