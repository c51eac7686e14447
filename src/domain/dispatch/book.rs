//! A cell's book of open orders: which of them wait for a decision, which for a driver's answer, and which were looked for in vain how often.
//!
//! Pure: the cell hands in what it hears and carries out what comes back. What stands here is a cache of the store and of the offers under way;
//! a book that is lost is filled again by the orders' announcements.

use super::backoff::pause_ms;
use super::offer::Offer;
use crate::domain::geo::Position;
use crate::domain::ids::DriverId;
use crate::domain::ids::OfferId;
use crate::domain::ids::OrderId;
use crate::domain::matching::FIRST_RADIUS_M;
use crate::domain::matching::OpenOrder;
use crate::domain::matching::Ready;
use crate::domain::matching::Wait;
use crate::domain::matching::WaitReason;
use crate::domain::order::Order;
use crate::domain::time::Millis;
use std::collections::BTreeMap;
use std::collections::HashSet;
use std::sync::Arc;

/// An offer whose end nobody reported counts as over this long after its deadline, in milliseconds.
const OVERDUE_MS: i64 = 2_000;
/// Drivers who refused are asked again after this long without anybody else, in milliseconds.
const FORGIVE_MS: i64 = 60_000;
/// An unready kitchen's word is good to this share of what is left of its time.
const PREP_SPREAD: f64 = 0.2;

/// What a book keeps to.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Farthest a driver may be from a pickup, in metres.
    pub radius_m: f64,
    /// Vain tries, at the full radius, after which an order is given up; 0: never.
    pub tries_max: u32,
}

/// An order that is to be matched in this tick.
#[derive(Debug)]
pub struct Want {
    /// As matching sees it.
    pub order: OpenOrder<Position>,
    /// How far to look for drivers, in metres.
    pub radius_m: f64,
}

/// An order that was looked for in vain too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// Which.
    pub order_id: OrderId,
    /// How often.
    pub tries: u32,
}

#[derive(Debug)]
struct Open {
    order: Arc<Order>,
    refused_by: HashSet<DriverId>,
    /// Those of them who may be asked again because nobody else was found.
    forgiven: HashSet<DriverId>,
    /// Doubles with each tick that finds nobody, up to the match radius.
    radius_m: f64,
    tries: u32,
    retry_at: Millis,
    nobody_since: Option<Millis>,
    asked: Option<Asked>,
}

#[derive(Debug, Clone)]
struct Asked {
    offer_id: OfferId,
    driver_id: DriverId,
    /// Until when its end is waited for.
    until: Millis,
}

/// See the module.
#[derive(Debug)]
pub struct Book {
    rules: Rules,
    open: BTreeMap<OrderId, Open>,
}

impl Book {
    /// An empty book.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self { rules, open: BTreeMap::new() }
    }

    /// How many orders are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether an order waits for a decision rather than for an answer.
    #[must_use]
    pub fn has_waiting(&self) -> bool {
        self.open.values().any(|open| open.asked.is_none())
    }

    /// An order looks for a driver; heard again and again. A driver who waits for its answer goes on waiting: what changed while searching is no
    /// reason to ask a second one.
    pub fn note(&mut self, order: Arc<Order>, refused_by: HashSet<DriverId>) {
        let radius_m = FIRST_RADIUS_M.min(self.rules.radius_m);
        let open = self.open.entry(order.order_id.clone()).or_insert_with(|| Open {
            order: order.clone(),
            refused_by: HashSet::new(),
            forgiven: HashSet::new(),
            radius_m,
            tries: 0,
            retry_at: Millis(0),
            nobody_since: None,
            asked: None,
        });
        if order.version < open.order.version {
            return;
        }
        open.order = order;
        // Those who were forgiven stay so until the next refusal.
        for driver_id in refused_by {
            if !open.refused_by.contains(&driver_id) && !open.forgiven.contains(&driver_id) {
                open.refuse(driver_id);
            }
        }
    }

    /// An order looks no more. Whoever was asked is to be told.
    pub fn close(&mut self, order_id: &OrderId) -> Option<DriverId> {
        self.open.remove(order_id)?.asked.map(|asked| asked.driver_id)
    }

    /// The orders to be matched now.
    pub fn begin_tick(&mut self, now: Millis) -> Vec<Want> {
        let mut wants = Vec::new();
        for open in self.open.values_mut() {
            open.asked.take_if(|asked| asked.until < now);
            if open.asked.is_none() && open.retry_at <= now {
                wants.push(Want { order: open.as_seen(now), radius_m: open.radius_m });
            }
        }
        wants
    }

    /// An order that nobody was found for looks farther next time; at the full radius it pauses, ever longer, and in the end it is given up.
    /// `jitter` draws numbers from 0 to 1.
    pub fn end_tick(&mut self, waits: &[Wait], now: Millis, mut jitter: impl FnMut() -> f64) -> Vec<GivenUp> {
        let mut given_up = Vec::new();
        for wait in waits {
            let Some(open) = self.open.get_mut(&wait.order_id) else { continue };
            if !matches!(wait.reason, WaitReason::NobodyNear | WaitReason::NobodyFits) {
                (open.tries, open.nobody_since) = (0, None);
                continue;
            }
            let since = *open.nobody_since.get_or_insert(now);
            if open.radius_m < self.rules.radius_m {
                open.radius_m = (open.radius_m * 2.0).min(self.rules.radius_m);
                continue;
            }
            open.tries = open.tries.saturating_add(1);
            open.retry_at = now + pause_ms(open.tries, jitter());
            if now.since(since) >= FORGIVE_MS {
                open.forgiven.extend(open.refused_by.drain());
            }
            if self.rules.tries_max > 0 && open.tries >= self.rules.tries_max {
                given_up.push(GivenUp { order_id: wait.order_id.clone(), tries: open.tries });
            }
        }
        given_up
    }

    /// The orders of this offer wait for its end. `false`, and nothing noted, when one of them does not wait for a decision any more.
    pub fn ask(&mut self, offer: &Offer) -> bool {
        let waits = |order_id| self.open.get(order_id).is_some_and(|open: &Open| open.asked.is_none());
        if !offer.order_ids.iter().all(waits) {
            return false;
        }
        let until = offer.expires_at + OVERDUE_MS;
        for order_id in &offer.order_ids {
            if let Some(open) = self.open.get_mut(order_id) {
                let (offer_id, driver_id) = (offer.offer_id.clone(), offer.driver_id.clone());
                open.asked = Some(Asked { offer_id, driver_id, until });
                (open.tries, open.nobody_since) = (0, None);
            }
        }
        true
    }

    /// The order of an offer that was asked about, as it stands here.
    #[must_use]
    pub fn order(&self, order_id: &OrderId) -> Option<Arc<Order>> {
        self.open.get(order_id).map(|open| open.order.clone())
    }

    /// An offer is over, or never began. `refused`: the driver had the choice. Whether an order waits for a decision again.
    pub fn end_offer(&mut self, order_id: &OrderId, offer_id: &OfferId, driver_id: &DriverId, refused: bool) -> bool {
        let Some(open) = self.open.get_mut(order_id) else { return false };
        if refused {
            open.refuse(driver_id.clone());
        }
        open.asked.take_if(|asked| asked.offer_id == *offer_id).is_some()
    }
}

impl Open {
    /// Somebody does not want it: whoever was forgiven before is not to be asked now, and the minute begins anew.
    fn refuse(&mut self, driver_id: DriverId) {
        self.nobody_since = None;
        self.refused_by.extend(self.forgiven.drain());
        self.refused_by.insert(driver_id);
    }

    fn as_seen(&self, now: Millis) -> OpenOrder<Position> {
        let order = &self.order;
        let due_at = order.due_at.unwrap_or(order.updated_at);
        let ready_at = order.prep.ready_at.unwrap_or(due_at);
        // Half a minute of doubt is nothing: only long preparations are uncertain.
        #[allow(clippy::cast_precision_loss)]
        let spread_s = if order.prep.ready { 0.0 } else { PREP_SPREAD * ready_at.since(now).max(0) as f64 / 1_000.0 };
        OpenOrder {
            order_id: order.order_id.clone(),
            pickup: order.pickup.position,
            dropoff: order.dropoff.position,
            shared_pickup: order.merchant_id.clone(),
            placed_at: order.created_at,
            due_at,
            // A kitchen that is late could be done any moment.
            ready: Ready { at: if order.prep.ready { ready_at } else { ready_at.max(now) }, spread_s },
            needs: order.needs.clone(),
            refused_by: self.refused_by.clone(),
            mine: true,
        }
    }
}

#[cfg(test)]
mod tests;
