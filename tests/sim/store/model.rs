//! What is stored, and how it is read. Written from the promises in `beeline::store` alone; `differential` holds it against the real store.

use crate::switches::Switch;
use beeline::domain::dispatch::AuditEntry;
use beeline::domain::dispatch::DeadLetter;
use beeline::domain::dispatch::Offer;
use beeline::domain::dispatch::Published;
use beeline::domain::driver::Driver;
use beeline::domain::ids::AssignmentId;
use beeline::domain::ids::DeadLetterId;
use beeline::domain::ids::DriverId;
use beeline::domain::ids::OfferId;
use beeline::domain::ids::OrderId;
use beeline::domain::order::Order;
use beeline::domain::order::OrderEvent;
use beeline::domain::time::Millis;
use beeline::store::Answer;
use beeline::store::Conflict;
use beeline::store::StoreError;
use beeline::store::StoreResult;
use std::collections::BTreeMap;

/// A driver's work in hand.
pub struct Assignment {
    pub driver_id: DriverId,
    pub has_ended: bool,
}

/// An idempotency key.
pub struct Key {
    pub body_hash: [u8; 32],
    pub order_id: OrderId,
    pub claimed_at: Millis,
    pub answer: Option<Answer>,
}

/// See the module.
#[derive(Default)]
pub struct Model {
    pub orders: BTreeMap<OrderId, Order>,
    pub events: BTreeMap<OrderId, Vec<OrderEvent>>,
    pub drivers: BTreeMap<DriverId, Driver>,
    pub assignments: BTreeMap<AssignmentId, Assignment>,
    pub offers: BTreeMap<OfferId, Offer>,
    pub refusals: BTreeMap<OrderId, Vec<(Millis, DriverId)>>,
    pub keys: BTreeMap<(String, String), Key>,
    pub published: Vec<Published>,
    pub audit: Vec<AuditEntry>,
    pub letters: BTreeMap<DeadLetterId, DeadLetter>,
    pub switch: Option<Switch>,
}

/// What a driver's cache begins with.
#[derive(Debug, Clone, PartialEq)]
pub struct DriverRows {
    pub driver: Option<Driver>,
    pub assignment: Option<(AssignmentId, Vec<OrderId>)>,
    pub offer: Option<Offer>,
}

impl Model {
    pub fn is_broken(&self, switch: Switch) -> bool {
        self.switch == Some(switch)
    }

    pub fn orders_fetch(&self, order_ids: &[OrderId]) -> Vec<Order> {
        order_ids.iter().filter_map(|order_id| self.orders.get(order_id)).cloned().collect()
    }

    pub fn orders_open(&self) -> Vec<Order> {
        self.orders.values().filter(|order| !order.status.is_terminal()).cloned().collect()
    }

    pub fn order_events(&self, order_id: &OrderId, after: i64) -> Vec<OrderEvent> {
        let events = self.events.get(order_id).map(Vec::as_slice).unwrap_or_default();
        events.iter().filter(|event| event.seq > after).cloned().collect()
    }

    pub fn order_refusals(&self, order_id: &OrderId) -> Vec<DriverId> {
        let mut refusals = self.refusals.get(order_id).cloned().unwrap_or_default();
        refusals.sort();
        refusals.into_iter().map(|(_, driver_id)| driver_id).collect()
    }

    pub fn driver_load(&self, driver_id: &DriverId, now: Millis) -> DriverRows {
        let is_open =
            |offer: &&Offer| offer.driver_id == *driver_id && offer.outcome.is_none() && offer.expires_at >= now;
        let active = self.active_assignment(driver_id).map(|assignment_id| {
            let is_in =
                |order: &&Order| order.assignment_id.as_ref() == Some(assignment_id) && !order.status.is_terminal();
            let orders = self.orders.values().filter(is_in).map(|order| order.order_id.clone());
            (assignment_id.clone(), orders.collect())
        });
        DriverRows {
            driver: self.drivers.get(driver_id).cloned(),
            assignment: active,
            offer: self.offers.values().find(is_open).cloned(),
        }
    }

    pub fn active_assignment(&self, driver_id: &DriverId) -> Option<&AssignmentId> {
        let mut all = self.assignments.iter();
        let found = all.find(|(_, assignment)| assignment.driver_id == *driver_id && !assignment.has_ended);
        found.map(|(assignment_id, _)| assignment_id)
    }

    pub fn driver_save(&mut self, driver: &Driver, audit: Option<AuditEntry>) -> StoreResult<()> {
        let stored = self.drivers.get(&driver.driver_id);
        let version = stored.map_or(0, |stored| stored.version);
        if driver.version != version + 1 && !self.is_broken(Switch::NoDriverVersionTest) {
            return Err(StoreError::Conflict(Conflict::DriverChanged));
        }
        let record = stored.map(|stored| stored.record).unwrap_or_default();
        self.drivers.insert(driver.driver_id.clone(), Driver { record, ..driver.clone() });
        self.audit.extend(audit);
        Ok(())
    }

    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.letters.values().cloned().collect()
    }
}
