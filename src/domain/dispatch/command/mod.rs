//! From a wish and what the store has loaded to the one commit that fulfils it. Whoever commits first wins; whoever meets a conflict loads again and
//! asks again.

mod arrivals;
mod hand;
mod offers;
mod search;

use super::commit::Commit;
use super::commit::OrderChange;
use super::commit::RecordChange;
use super::published::Published;
use super::published::PublishedKind;
use crate::domain::fleet::ON_TIME_GRACE_MS;
use crate::domain::geo::Position;
use crate::domain::ids::AssignmentId;
use crate::domain::ids::DriverId;
use crate::domain::ids::EventId;
use crate::domain::order::By;
use crate::domain::order::Order;
use crate::domain::order::Refused;
use crate::domain::order::Status;
use crate::domain::order::Step;
use crate::domain::time::Millis;

pub use search::Cause;

/// Why a wish is not fulfilled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The step table says no.
    Step(Refused),
    /// The offer is over.
    OfferClosed,
    /// It was decided on a version that is not the order's any more.
    Outdated,
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        Self::Step(refused)
    }
}

/// What a command may know beside the rows: the time, fresh ids, and where drivers are.
pub struct Command<'a> {
    /// Now.
    pub now: Millis,
    /// Makes a UUIDv7 text.
    pub fresh: &'a mut dyn FnMut() -> String,
    /// The live position of a driver, where there is one.
    pub whereabouts: &'a dyn Fn(&DriverId) -> Option<Position>,
}

impl Command<'_> {
    /// One step of one order, and all that goes with it but an operator's audit row. Assigning, refusing and parking have commands of their own.
    pub fn step(&mut self, order: &Order, step: &Step, by: &By, reason: Option<String>) -> Result<Commit, Refusal> {
        if *step == Step::Release {
            let cause = if matches!(by, By::Driver(_)) { Cause::HandedBack } else { Cause::Unassigned };
            return self.release(std::slice::from_ref(order), cause, by);
        }
        let mut commit = Commit::default();
        let mut change = OrderChange::of(order);
        change.take(step, by, reason, self.now)?;
        match step {
            Step::Search => self.request(&mut commit, &change.order),
            Step::PickUp => {
                change.order.eta.dropoff_at =
                    Some(self.now + arrivals::way_ms(order.pickup.position, order.dropoff.position));
            }
            Step::Deliver => commit.record = delivered(&change.order),
            _ => {}
        }
        commit.leave(order, &change.order);
        commit.changes.push(change);
        if matches!(by, By::Operator(_)) {
            let act = if *step == Step::Cancel { "cancel" } else { step.event() };
            commit.audit = Some(self.audit(by, act, order, order.driver_id.clone()));
        }
        Ok(commit)
    }

    /// The payment of an order just placed went through, and it looks for a driver; or it was declined, and the order fails.
    pub fn settle(&mut self, created: &Order, declined: Option<String>) -> Result<Commit, Refusal> {
        let mut commit = Commit::default();
        let mut change = OrderChange::of(created);
        if declined.is_some() {
            change.take(&Step::Fail, &By::System, declined, self.now)?;
        } else {
            change.take(&Step::Pay, &By::System, None, self.now)?;
            change.take(&Step::Search, &By::System, None, self.now)?;
            self.request(&mut commit, &change.order);
        }
        commit.changes.push(change);
        Ok(commit)
    }

    fn assignment_id(&mut self) -> AssignmentId {
        AssignmentId::from_generated((self.fresh)())
    }

    fn publish(&mut self, commit: &mut Commit, order: &Order, kind: PublishedKind) {
        commit.published.push(Published {
            event_id: EventId::from_generated((self.fresh)()),
            occurred_at: self.now,
            order_id: order.order_id.clone(),
            geo_key: order.geo_key.clone(),
            version: order.version,
            correlation_id: order.order_id.as_str().to_owned(),
            kind,
        });
    }
}

/// The record of the driver who has just brought an order to the door.
fn delivered(order: &Order) -> Option<RecordChange> {
    let driver_id = order.driver_id.clone().filter(|_| order.status == Status::Delivered)?;
    let on_time = order.promised_at.is_none_or(|promised_at| order.updated_at <= promised_at + ON_TIME_GRACE_MS);
    Some(RecordChange::Delivered { driver_id, on_time })
}

#[cfg(test)]
mod tests;
