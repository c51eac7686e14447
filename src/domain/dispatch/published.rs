//! What other systems are told of dispatch: three kinds of event, one row each, in the transaction that makes them true.

use crate::domain::ids::DriverId;
use crate::domain::ids::EventId;
use crate::domain::ids::OrderId;
use crate::domain::order::Item;
use crate::domain::order::Place;
use crate::domain::time::Millis;

/// One event. Duplicates and stale ones are told apart by (`order_id`, `version`).
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// UUIDv7.
    pub event_id: EventId,
    /// When.
    pub occurred_at: Millis,
    /// The order.
    pub order_id: OrderId,
    /// The order's area: H3 resolution 5 parent of the pickup.
    pub geo_key: String,
    /// The order's version after it.
    pub version: i64,
    /// The same for all events of one search for a driver, from its request to its end.
    pub correlation_id: String,
    /// What.
    pub kind: PublishedKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum PublishedKind {
    /// `AssignmentRequested`: a driver is looked for, for the first time or again.
    Requested {
        /// Where the goods are.
        pickup: Place,
        /// Where they go.
        dropoff: Place,
        /// Preparation as ordered, in seconds.
        prep_total: u32,
        /// What is left of it, in seconds.
        prep_remaining: i64,
        /// What is carried.
        items: Vec<Item>,
        /// 0 for the first search, one more for each that had to begin again.
        priority: u32,
    },
    /// `DriverAssigned`: a driver has taken the order, or was given it.
    Assigned {
        /// Who.
        driver_id: DriverId,
        /// Seconds until they reach the pickup; absent when nobody knows where they are.
        pickup_eta_s: Option<i64>,
        /// Seconds until they reach the door.
        dropoff_eta_s: Option<i64>,
        /// The cost that matching gave the pair, in seconds; absent when it was made by hand.
        assignment_score: Option<f64>,
    },
    /// `AssignmentFailed`: an offer came to nothing, a driver was lost, or nobody was found.
    Failed {
        /// `declined`, `expired`, `driver_lost`, `no_progress`, `handed_back`, `unassigned`, `no_driver` or `gave_up`.
        reason: String,
        /// When the search goes on; absent when it does not.
        retry_after_seconds: Option<f64>,
    },
}

impl PublishedKind {
    /// The event type on the wire.
    #[must_use]
    pub fn event_type(&self) -> &'static str {
        match self {
            Self::Requested { .. } => "AssignmentRequested",
            Self::Assigned { .. } => "DriverAssigned",
            Self::Failed { .. } => "AssignmentFailed",
        }
    }
}
