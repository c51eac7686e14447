//! Orders that look for a driver again, and those that are given up.

use super::Command;
use super::Refusal;
use crate::domain::dispatch::Commit;
use crate::domain::dispatch::DeadLetter;
use crate::domain::dispatch::OrderChange;
use crate::domain::dispatch::PublishedKind;
use crate::domain::ids::DeadLetterId;
use crate::domain::order::By;
use crate::domain::order::Order;
use crate::domain::order::Step;

/// Why a driver is taken off an order before the pickup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// An operator did it.
    Unassigned,
    /// The driver handed it back.
    HandedBack,
    /// Nothing was heard of the driver for too long.
    DriverLost,
    /// The driver did not get nearer for too long.
    NoProgress,
}

impl Cause {
    /// The reason on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unassigned => "unassigned",
            Self::HandedBack => "handed_back",
            Self::DriverLost => "driver_lost",
            Self::NoProgress => "no_progress",
        }
    }
}

impl Command<'_> {
    /// Takes the driver off orders of one assignment that are not picked up; they go on looking without this driver.
    pub fn release(&mut self, orders: &[Order], cause: Cause, by: &By) -> Result<Commit, Refusal> {
        let mut commit = Commit::default();
        for order in orders {
            let mut change = OrderChange::of(order);
            change.take(&Step::Release, by, Some(cause.as_str().to_owned()), self.now)?;
            commit.leave(order, &change.order);
            commit.refused_by.clone_from(&order.driver_id);
            self.search_again(&mut commit, &change.order, cause.as_str());
            if matches!(by, By::Operator(_)) {
                commit.audit = Some(self.audit(by, "unassign", order, order.driver_id.clone()));
            }
            commit.changes.push(change);
        }
        Ok(commit)
    }

    /// Gives up looking: the order stays `searching` without a `due_at`, and a dead letter waits for a person.
    pub fn park(&mut self, order: &Order, cause: &str, tries: u32) -> Result<Commit, Refusal> {
        let mut change = OrderChange::of(order);
        change.take(&Step::Park, &By::System, Some(cause.to_owned()), self.now)?;
        let mut commit = Commit::default();
        let kind = PublishedKind::Failed { reason: cause.to_owned(), retry_after_seconds: None };
        self.publish(&mut commit, &change.order, kind);
        commit.dead_letter = Some(DeadLetter {
            dead_letter_id: DeadLetterId::from_generated((self.fresh)()),
            queue: "orders".to_owned(),
            order_id: Some(order.order_id.clone()),
            cause: cause.to_owned(),
            tries,
            at: self.now,
        });
        commit.changes.push(change);
        Ok(commit)
    }

    /// Takes a parked order's dead letter up: it looks for a driver again.
    pub fn retry(&mut self, order: &Order, by: &By) -> Result<Commit, Refusal> {
        let mut change = OrderChange::of(order);
        change.take(&Step::Retry, by, None, self.now)?;
        let mut commit = Commit::default();
        self.request(&mut commit, &change.order);
        commit.audit = Some(self.audit(by, "replay", order, None));
        commit.changes.push(change);
        Ok(commit)
    }

    /// Gives a parked order up for good.
    pub fn purge(&mut self, order: &Order, by: &By) -> Result<Commit, Refusal> {
        let mut change = OrderChange::of(order);
        change.take(&Step::Fail, by, Some("no driver was found".to_owned()), self.now)?;
        let audit = Some(self.audit(by, "purge", order, None));
        Ok(Commit { changes: vec![change], audit, ..Commit::default() })
    }

    /// Says that an order looks for a driver.
    pub(super) fn request(&mut self, commit: &mut Commit, order: &Order) {
        let left_ms = order.prep.ready_at.filter(|_| !order.prep.ready).map_or(0, |ready_at| ready_at.since(self.now));
        let kind = PublishedKind::Requested {
            pickup: order.pickup.clone(),
            dropoff: order.dropoff.clone(),
            prep_total: order.prep.seconds,
            prep_remaining: left_ms.max(0) / 1_000,
            items: order.items.clone(),
            priority: order.searches.saturating_sub(1),
        };
        self.publish(commit, order, kind);
    }

    /// Says that the last try came to nothing, and that the order looks again at once.
    pub(super) fn search_again(&mut self, commit: &mut Commit, order: &Order, reason: &str) {
        let kind = PublishedKind::Failed { reason: reason.to_owned(), retry_after_seconds: Some(0.0) };
        self.publish(commit, order, kind);
        self.request(commit, order);
    }
}
