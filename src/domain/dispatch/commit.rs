//! What is written in one transaction: orders by compare-and-set, with the offer, the assignments and the words to others that go with them.

use super::offer::OfferOutcome;
use super::published::Published;
use crate::domain::ids::AssignmentId;
use crate::domain::ids::DeadLetterId;
use crate::domain::ids::DriverId;
use crate::domain::ids::OfferId;
use crate::domain::ids::OrderId;
use crate::domain::order;
use crate::domain::order::By;
use crate::domain::order::Order;
use crate::domain::order::OrderEvent;
use crate::domain::order::Refused;
use crate::domain::order::Step;
use crate::domain::time::Millis;

/// One order in a commit.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderChange {
    /// The version the change was computed from.
    pub expected_version: i64,
    /// The order after it; its version is `expected_version + events.len()`.
    pub order: Order,
    /// One event per step, `seq` counting up from `expected_version + 1`.
    pub events: Vec<OrderEvent>,
}

/// What a commit does to an assignment. Leaves are written before a beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AssignmentChange {
    /// The driver takes the orders of this commit that are `assigned` under this id: they must exist at this version, have shift `available`
    /// and no active assignment. Their version grows by one.
    Begin {
        /// The new assignment.
        assignment_id: AssignmentId,
        /// Who.
        driver_id: DriverId,
        /// The version of the driver it was decided on.
        driver_version: i64,
    },
    /// Orders of this commit have left this assignment, which ends when no active order is left in it. The driver's version grows by one then, so
    /// that whoever wants to begin has seen the end of what was before.
    Leave {
        /// The assignment.
        assignment_id: AssignmentId,
    },
}

/// What a commit does to an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferChange {
    /// Which; it must be open, and when accepted neither lapsed nor made to another driver than the one who begins, else the commit is refused.
    pub offer_id: OfferId,
    /// What it becomes.
    pub outcome: OfferOutcome,
    /// When.
    pub at: Millis,
}

/// What goes into a driver's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordChange {
    /// An offer was answered, or left to lapse.
    Answered {
        /// Who.
        driver_id: DriverId,
        /// How; `withdrawn` counts for nothing.
        outcome: OfferOutcome,
    },
    /// An order was brought to the door.
    Delivered {
        /// Who.
        driver_id: DriverId,
        /// Whether by the time foreseen at the assignment.
        on_time: bool,
    },
}

/// What somebody in charge did by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Millis,
    /// Whose token, `role:subject`.
    pub actor: String,
    /// What: `assign`, `unassign`, `reassign`, `cancel`, `profile`, `driver_status`, `replay`, `purge`, `revoke`.
    pub act: String,
    /// The order it was done to.
    pub order_id: Option<OrderId>,
    /// The driver concerned.
    pub driver_id: Option<DriverId>,
    /// In words, where there is more to say.
    pub detail: Option<String>,
}

/// Work that was given up, kept for a person to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// UUIDv7.
    pub dead_letter_id: DeadLetterId,
    /// `orders` or `fixes`.
    pub queue: String,
    /// The order, in queue `orders`: an order has one dead letter at most.
    pub order_id: Option<OrderId>,
    /// Why it was given up.
    pub cause: String,
    /// How often it was tried.
    pub tries: u32,
    /// When it was given up.
    pub at: Millis,
}

/// One transaction, written whole or not at all.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Commit {
    /// The orders that change; never empty.
    pub changes: Vec<OrderChange>,
    /// Assignments left and begun.
    pub assignments: Vec<AssignmentChange>,
    /// An offer closed with it. What is still open for an order that leaves `searching` is withdrawn without being named here.
    pub offer: Option<OfferChange>,
    /// The orders of this commit are not offered to this driver again.
    pub refused_by: Option<DriverId>,
    /// A driver's record.
    pub record: Option<RecordChange>,
    /// What other systems are told.
    pub published: Vec<Published>,
    /// Who did it by hand.
    pub audit: Option<AuditEntry>,
    /// A dead letter laid down. The one of an order that is parked no more goes without being named here.
    pub dead_letter: Option<DeadLetter>,
}

impl OrderChange {
    /// An order to which nothing has happened yet.
    #[must_use]
    pub fn of(order: &Order) -> Self {
        Self { expected_version: order.version, order: order.clone(), events: Vec::new() }
    }

    /// Takes one more step.
    pub fn take(&mut self, step: &Step, by: &By, reason: Option<String>, now: Millis) -> Result<(), Refused> {
        let next = order::step(&self.order, step, by, reason, now)?;
        self.order = next.order;
        self.events.push(next.event);
        Ok(())
    }
}

impl Commit {
    /// Notes the assignment that an order has left, if it has.
    pub fn leave(&mut self, before: &Order, after: &Order) {
        let has_left = before.status.is_active() && !after.status.is_active();
        let Some(assignment_id) = before.assignment_id.clone().filter(|_| has_left) else { return };
        let change = AssignmentChange::Leave { assignment_id };
        if !self.assignments.contains(&change) {
            self.assignments.push(change);
        }
    }
}
