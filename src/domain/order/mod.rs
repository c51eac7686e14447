//! Orders: one model for food, parcel and ride, and the step table that every change goes through.
//!
//! `(order, step, who, now) -> (order, event)` or a refusal. No step is skipped, each adds one to the version, and the version is the
//! event's sequence number.

mod model;

pub use self::model::Arrivals;
pub use self::model::Item;
pub use self::model::Kind;
pub use self::model::Order;
pub use self::model::Place;
pub use self::model::Prep;
pub use self::model::Price;
pub use self::model::Status;

use crate::domain::ids::AssignmentId;
use crate::domain::ids::DriverId;
use crate::domain::ids::OrderId;
use crate::domain::time::Millis;

/// Matching should act this long before the goods are ready, in milliseconds: time for a driver from some way off; one who is near is asked later.
pub const LEAD_MS: i64 = 10 * 60 * 1_000;

/// Who wants the step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// The order's customer.
    Customer,
    /// The order's merchant.
    Merchant,
    /// A driver, who need not be the order's.
    Driver(DriverId),
    /// An operator, by name of their token: `role:subject`.
    Operator(String),
    /// Beeline itself.
    System,
}

impl By {
    /// Which role, for the event.
    #[must_use]
    pub fn role(&self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Merchant => "merchant",
            Self::Driver(_) => "driver",
            Self::Operator(_) => "operator",
            Self::System => "system",
        }
    }
}

/// One step of the lifecycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The payment went through.
    Pay,
    /// Paid, and booked for later.
    Schedule,
    /// Paid or released from its schedule: look for a driver.
    Search,
    /// A driver takes it.
    Assign {
        /// Who.
        driver_id: DriverId,
        /// As part of which assignment.
        assignment_id: AssignmentId,
    },
    /// The driver reached the pickup.
    ArriveAtPickup,
    /// The driver has the goods.
    PickUp,
    /// The driver reached the door.
    ArriveAtDropoff,
    /// Handed over.
    Deliver,
    /// The driver is taken off the order, which goes back to searching.
    Release,
    /// A driver did not take it when it was offered; the status stays `searching`.
    Refuse {
        /// No answer came, rather than a no.
        lapsed: bool,
    },
    /// Nobody was found for so long that a person has to look; the status stays `searching`.
    Park,
    /// A person has looked: it searches again.
    Retry,
    /// The goods are ready for pickup; the status stays.
    Ready,
    /// Called off.
    Cancel,
    /// Given up.
    Fail,
}

impl Step {
    /// The name of the event this step makes.
    #[must_use]
    pub fn event(&self) -> &'static str {
        match self {
            Self::Pay => "paid",
            Self::Schedule => "scheduled",
            Self::Search => "searching",
            Self::Assign { .. } => "assigned",
            Self::ArriveAtPickup => "at_pickup",
            Self::PickUp => "picked_up",
            Self::ArriveAtDropoff => "at_dropoff",
            Self::Deliver => "delivered",
            Self::Release => "released",
            Self::Refuse { lapsed: false } => "offer_declined",
            Self::Refuse { lapsed: true } => "offer_expired",
            Self::Park => "parked",
            Self::Retry => "retried",
            Self::Ready => "ready",
            Self::Cancel => "cancelled",
            Self::Fail => "failed",
        }
    }

    /// The step that a driver's `{"status": ...}` asks for; `searching` hands the order back.
    #[must_use]
    pub fn of_driver(status: Status) -> Option<Self> {
        match status {
            Status::AtPickup => Some(Self::ArriveAtPickup),
            Status::PickedUp => Some(Self::PickUp),
            Status::AtDropoff => Some(Self::ArriveAtDropoff),
            Status::Delivered => Some(Self::Deliver),
            Status::Failed => Some(Self::Fail),
            Status::Searching => Some(Self::Release),
            _ => None,
        }
    }

    /// The status after this step, where it sets one whatever came before.
    fn target(&self) -> Option<Status> {
        match self {
            Self::Pay => Some(Status::Paid),
            Self::Schedule => Some(Status::Scheduled),
            Self::Search | Self::Release => Some(Status::Searching),
            Self::Assign { .. } => Some(Status::Assigned),
            Self::ArriveAtPickup => Some(Status::AtPickup),
            Self::PickUp => Some(Status::PickedUp),
            Self::ArriveAtDropoff => Some(Status::AtDropoff),
            Self::Deliver => Some(Status::Delivered),
            Self::Ready | Self::Refuse { .. } | Self::Park | Self::Retry => None,
            Self::Cancel => Some(Status::Cancelled),
            Self::Fail => Some(Status::Failed),
        }
    }
}

/// What happened, as stored and as told to watchers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderEvent {
    /// The order.
    pub order_id: OrderId,
    /// The order's version after it.
    pub seq: i64,
    /// The event's name.
    pub event: String,
    /// The order's status after it.
    pub status: Status,
    /// When.
    pub at: Millis,
    /// The role of who did it.
    pub by: String,
    /// Why, where somebody said so.
    pub reason: Option<String>,
    /// The driver after it.
    pub driver_id: Option<DriverId>,
}

/// A step that may be taken, and what it leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// The order after it.
    pub order: Order,
    /// What to tell.
    pub event: OrderEvent,
}

/// Why a step is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It was taken before, by the same hand: answer as if it had just been.
    AlreadyTaken,
    /// Not from here.
    Illegal,
    /// Not by them.
    NotYours,
}

/// Takes one step.
pub fn step(order: &Order, step: &Step, by: &By, reason: Option<String>, now: Millis) -> Result<Transition, Refused> {
    if let By::Driver(driver) = by
        && order.driver_id.as_ref() != Some(driver)
    {
        return Err(Refused::NotYours);
    }
    if already_taken(order, step) {
        return Err(Refused::AlreadyTaken);
    }
    if !is_legal(order.status, step, by) {
        return Err(Refused::Illegal);
    }
    let mut next = order.clone();
    next.version += 1;
    next.updated_at = now.max(order.updated_at);
    next.status = step.target().unwrap_or(order.status);
    match step {
        Step::Pay => next.prep = paid_prep(order.prep, now),
        Step::Search => next.search(now),
        Step::Assign { driver_id, assignment_id } => {
            next.driver_id = Some(driver_id.clone());
            next.assignment_id = Some(assignment_id.clone());
        }
        Step::Release => {
            next.driver_id = None;
            next.assignment_id = None;
            next.eta = Arrivals::default();
            next.promised_at = None;
            next.search(now);
        }
        Step::Refuse { .. } => next.searches = order.searches.saturating_add(1),
        Step::Retry => next.search(now),
        Step::Park => next.due_at = None,
        Step::Ready => {
            next.prep = Prep { ready: true, ready_at: Some(now), ..order.prep };
            next.due_at = order.due_at.map(|due_at| due_at.min(now));
        }
        Step::Schedule
        | Step::ArriveAtPickup
        | Step::PickUp
        | Step::ArriveAtDropoff
        | Step::Deliver
        | Step::Cancel
        | Step::Fail => {}
    }
    let event = OrderEvent {
        order_id: next.order_id.clone(),
        seq: next.version,
        event: step.event().to_owned(),
        status: next.status,
        at: next.updated_at,
        by: by.role().to_owned(),
        reason,
        driver_id: next.driver_id.clone(),
    };
    Ok(Transition { order: next, event })
}

impl Order {
    /// It looks for a driver no more until a person has seen to it.
    #[must_use]
    pub fn is_parked(&self) -> bool {
        self.status == Status::Searching && self.due_at.is_none()
    }

    /// Begins to look for a driver: at once, or [`LEAD_MS`] before the kitchen is ready.
    fn search(&mut self, now: Millis) {
        let ready_at = self.prep.ready_at.filter(|_| !self.prep.ready);
        self.due_at = Some(ready_at.map_or(now, |ready_at| now.max(ready_at - LEAD_MS)));
        self.searches = self.searches.saturating_add(1);
    }
}

/// The first event of an order just placed.
#[must_use]
pub fn created(order: &Order) -> OrderEvent {
    OrderEvent {
        order_id: order.order_id.clone(),
        seq: order.version,
        event: "created".to_owned(),
        status: order.status,
        at: order.created_at,
        by: By::Customer.role().to_owned(),
        reason: None,
        driver_id: None,
    }
}

/// Preparation starts with the payment; what needs none is ready at once.
fn paid_prep(prep: Prep, now: Millis) -> Prep {
    if prep.seconds == 0 {
        Prep { ready: true, ready_at: Some(now), ..prep }
    } else {
        Prep { ready_at: Some(now + i64::from(prep.seconds) * 1_000), ..prep }
    }
}

/// Repeating a step already taken is answered like the first time.
fn already_taken(order: &Order, step: &Step) -> bool {
    use Status as S;
    let at_or_past = |passed: &[Status]| passed.contains(&order.status);
    match step {
        Step::Assign { driver_id, .. } => order.status.is_active() && order.driver_id.as_ref() == Some(driver_id),
        Step::ArriveAtPickup => at_or_past(&[S::AtPickup, S::PickedUp, S::AtDropoff, S::Delivered]),
        Step::PickUp => at_or_past(&[S::PickedUp, S::AtDropoff, S::Delivered]),
        Step::ArriveAtDropoff => at_or_past(&[S::AtDropoff, S::Delivered]),
        Step::Deliver => order.status == S::Delivered,
        Step::Cancel => order.status == S::Cancelled,
        Step::Fail => order.status == S::Failed,
        Step::Ready => order.prep.ready && !order.status.is_terminal(),
        Step::Release => order.status == S::Searching,
        Step::Park => order.is_parked(),
        Step::Retry => order.status == S::Searching && !order.is_parked(),
        Step::Refuse { .. } | Step::Pay | Step::Schedule | Step::Search => false,
    }
}

/// The step table: from which status, and by whom.
fn is_legal(from: Status, step: &Step, by: &By) -> bool {
    use Status as S;
    let system = matches!(by, By::System);
    let operator = matches!(by, By::Operator(_));
    let driver = matches!(by, By::Driver(_));
    match step {
        Step::Pay => system && from == S::Created,
        Step::Schedule => system && from == S::Paid,
        Step::Search => system && matches!(from, S::Paid | S::Scheduled),
        Step::Assign { .. } => (system || operator) && from == S::Searching,
        Step::ArriveAtPickup => driver && from == S::Assigned,
        Step::PickUp => driver && from == S::AtPickup,
        Step::ArriveAtDropoff => driver && from == S::PickedUp,
        Step::Deliver => driver && from == S::AtDropoff,
        Step::Release => (system || operator || driver) && matches!(from, S::Assigned | S::AtPickup),
        Step::Refuse { .. } | Step::Park => system && from == S::Searching,
        Step::Retry => (system || operator) && from == S::Searching,
        Step::Ready => {
            matches!(by, By::Merchant | By::Operator(_) | By::System) && from.is_before_pickup() && from != S::Created
        }
        Step::Cancel => match by {
            By::Customer | By::Merchant => from.is_before_pickup(),
            By::Operator(_) => !from.is_terminal(),
            By::Driver(_) | By::System => false,
        },
        Step::Fail => match from {
            S::Created | S::Searching => system || operator,
            S::PickedUp | S::AtDropoff => system || operator || driver,
            _ => false,
        },
    }
}

#[cfg(test)]
pub(crate) mod tests;
