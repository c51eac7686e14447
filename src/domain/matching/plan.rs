//! What a decision says: offers to make now, and why the other orders wait.

use crate::domain::ids::DriverId;
use crate::domain::ids::OrderId;
use crate::domain::time::Millis;

/// One offer to be made now: one pickup, then the drops in this sequence.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairing {
    /// Whom to ask.
    pub driver_id: DriverId,
    /// 1 to capacity orders, in the sequence of their drops.
    pub orders: Vec<OrderId>,
    /// Seconds from now until the driver is expected at the pickup.
    pub pickup_eta_s: i64,
    /// Seconds from now until each order is expected at its door, in the sequence of `orders`.
    pub dropoff_eta_s: Vec<i64>,
    /// Seconds the driver is there before the food; negative: the food waits for the driver.
    pub slack_s: i64,
    /// Seconds from placing to the door, summed over the orders, with all that was added for preference: lower is better.
    pub score: f64,
}

/// An order that gets no offer now.
#[derive(Debug, Clone, PartialEq)]
pub struct Wait {
    /// Which.
    pub order_id: OrderId,
    /// When to look again at the latest; `None`: whenever something changes.
    pub until: Option<Millis>,
    /// Why.
    pub reason: WaitReason,
}

/// Why an order waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaitReason {
    /// The best driver for it is still busy and will be free in time.
    DriverSoonFree,
    /// A driver is in mind and need not leave yet: something better may turn up.
    LaterIsBetter,
    /// It is not due before then.
    NotDue,
    /// Drivers are near, each with something more urgent to do.
    Outbid,
    /// Drivers are near, but refused it, lack the vehicle or a skill, or go off shift too early.
    NobodyFits,
    /// Nobody within the radius.
    NobodyNear,
}

/// The decision.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// Offers to make now, the most urgent first.
    pub offers: Vec<Pairing>,
    /// One entry for each own order that gets none.
    pub waits: Vec<Wait>,
}
