//! A customer whose connection is cut again and again, and who goes on from the last event seen each time.

use super::booth::Booth;
use super::told::Event;
use super::told::Told;
use crate::line::Heard;
use crate::line::Line;
use crate::line::NoLine;
use crate::proof::Dice;
use crate::support::PATIENCE;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often a watcher looks for new orders, and may ask again for what it has.
const BEAT: Duration = Duration::from_millis(40);
/// One beat in so many asks again on an open socket.
const ASKS_AGAIN: usize = 6;

/// See the module.
pub struct Watcher {
    booth: Arc<Booth>,
    address: String,
    token: String,
    dice: Dice,
    /// What was told of each order.
    pub told: BTreeMap<String, Told>,
    pub connections: u64,
    news_at: Instant,
}

impl Watcher {
    pub fn new(booth: Arc<Booth>, address: String, token: String, dice: Dice) -> Self {
        let (told, news_at) = (BTreeMap::new(), Instant::now());
        Self { booth, address, token, dice, told, connections: 0, news_at }
    }

    /// Watches until every order of the booth has ended and its end was told.
    pub async fn watch(mut self) -> Result<Self, String> {
        self.news_at = Instant::now();
        while !self.has_seen_all() {
            self.connections += 1;
            match Line::open(&self.address, "/ws/customer", Some(&self.token)).await {
                Ok(line) => self.follow(line).await?,
                Err(NoLine::Broken) => self.check_patience()?,
                Err(NoLine::Refused(status)) => return Err(format!("an upgrade was answered with {status}")),
            }
        }
        Ok(self)
    }

    fn has_seen_all(&self) -> bool {
        self.booth.is_closed() && self.unfinished().is_empty()
    }

    /// Orders whose end was not told yet.
    fn unfinished(&self) -> Vec<String> {
        let orders = self.booth.orders();
        orders.into_iter().filter(|order_id| !self.told.get(order_id).is_some_and(Told::is_over)).collect()
    }

    /// Once nothing more will happen, what has happened must come soon.
    fn check_patience(&self) -> Result<(), String> {
        if !self.booth.is_closed() || self.news_at.elapsed() < PATIENCE {
            return Ok(());
        }
        let stuck = self.unfinished().into_iter().map(|order_id| {
            let last = self.told.get(&order_id).map_or(0, Told::last);
            format!("{order_id} at {last}")
        });
        Err(format!("no news for {PATIENCE:?}: {:?}", stuck.collect::<Vec<_>>()))
    }

    /// One connection, to its end.
    async fn follow(&mut self, mut line: Line) -> Result<(), String> {
        self.told.values_mut().for_each(Told::reconnected);
        let mut asked = Vec::new();
        let mut beat = tokio::time::interval(BEAT);
        while !self.has_seen_all() {
            tokio::select! {
                _ = beat.tick() => {
                    self.check_patience()?;
                    if !self.ask(&mut line, &mut asked).await {
                        return Ok(());
                    }
                }
                heard = line.hear(PATIENCE) => match heard {
                    Heard::Frame(frame) => self.read(&frame)?,
                    Heard::End(1006 | 4413) => return Ok(()),
                    Heard::End(code) => return Err(format!("closed with {code}")),
                    Heard::Nothing => self.check_patience()?,
                },
            }
        }
        Ok(())
    }

    /// Subscribes to what is new, and now and then once more to what is known; false when the line is broken.
    async fn ask(&mut self, line: &mut Line, asked: &mut Vec<String>) -> bool {
        for order_id in self.unfinished() {
            let told = self.told.entry(order_id.clone()).or_default();
            let is_known = asked.contains(&order_id);
            if is_known && !self.dice.one_in(ASKS_AGAIN) {
                continue;
            }
            if is_known {
                told.asked_again();
            } else {
                asked.push(order_id.clone());
            }
            let wish = json!({ "type": "subscribe", "id": told.last(), "order_id": order_id, "after": told.last() });
            if !line.say(&wish).await {
                return false;
            }
        }
        true
    }

    fn read(&mut self, frame: &Value) -> Result<(), String> {
        match frame["type"].as_str() {
            Some("order") => {
                let order_id = frame["order_id"].as_str().ok_or("an event of no order")?;
                let told = self.told.get_mut(order_id).ok_or_else(|| format!("unasked: {frame}"))?;
                told.hear(Event::read(frame)).map_err(|what| format!("{order_id}: {what}"))?;
                self.news_at = Instant::now();
                Ok(())
            }
            Some("welcome" | "ok" | "location" | "location.stale" | "location.gone" | "eta") => Ok(()),
            _ => Err(format!("unexpected: {frame}")),
        }
    }
}
