//! What other systems and operators read page by page: published events, audit rows, dead letters.

use crate::domain::dispatch::AuditEntry;
use crate::domain::dispatch::DeadLetter;
use crate::domain::dispatch::Published;
use crate::domain::dispatch::PublishedKind;
use crate::protocol::order::ItemOut;
use crate::protocol::order::PlaceOut;
use crate::protocol::schema;
use crate::protocol::time::to_rfc3339;
use serde::Serialize;

/// What every published event says.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct EventHead {
    /// Its place in the feed: read on with `after`.
    #[schemars(with = "schema::Cursor")]
    pub cursor: String,
    /// UUIDv7.
    #[schemars(with = "schema::Id")]
    pub event_id: String,
    /// When.
    #[schemars(with = "schema::Time")]
    pub occurred_at: String,
    /// The order.
    #[schemars(with = "schema::Id")]
    pub order_id: String,
    /// The order's area: H3 resolution 5 cell of the pickup.
    pub geo_key: String,
    /// The order's version after it.
    pub version: i64,
    /// The same for all events of one order's way to a driver.
    pub correlation_id: String,
}

/// A published event, all of its fields side by side. At least once to whoever reads on from the last cursor they have dealt with; duplicates and stale
/// ones are told apart by (`order_id`, `version`, `event_type`).
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[serde(tag = "event_type")]
#[schemars(rename = "PublishedEvent")]
pub enum PublishedOut {
    /// A driver is looked for, for the first time or again.
    AssignmentRequested {
        /// What they all say.
        #[serde(flatten)]
        head: EventHead,
        /// Where the goods are.
        pickup: PlaceOut,
        /// Where they go.
        dropoff: PlaceOut,
        /// Preparation as ordered, in seconds.
        prep_total: u32,
        /// What is left of it, in seconds.
        prep_remaining: i64,
        /// What is carried.
        items: Vec<ItemOut>,
        /// 0 for the first search, one more for each that had to begin again.
        priority: u32,
    },
    /// A driver has taken the order, or was given it.
    DriverAssigned {
        /// What they all say.
        #[serde(flatten)]
        head: EventHead,
        /// Who.
        #[schemars(with = "schema::Id")]
        driver_id: String,
        /// Seconds until they reach the pickup; null when nobody knows where they are.
        pickup_eta_s: Option<i64>,
        /// Seconds until they reach the door.
        dropoff_eta_s: Option<i64>,
        /// The cost that matching gave the pair, in seconds, lower is better; null when it was made by hand.
        assignment_score: Option<f64>,
    },
    /// An offer came to nothing, a driver was lost, or nobody was found.
    AssignmentFailed {
        /// What they all say.
        #[serde(flatten)]
        head: EventHead,
        /// `declined`, `expired`, `driver_lost`, `no_progress`, `handed_back`, `unassigned`, `no_driver` or `gave_up`.
        reason: String,
        /// When the search goes on; null when it does not.
        retry_after_seconds: Option<f64>,
    },
}

impl PublishedOut {
    /// An event at its place in the feed.
    #[must_use]
    pub fn new(cursor: i64, event: &Published) -> Self {
        let head = EventHead {
            cursor: cursor.to_string(),
            event_id: event.event_id.to_string(),
            occurred_at: to_rfc3339(event.occurred_at),
            order_id: event.order_id.to_string(),
            geo_key: event.geo_key.clone(),
            version: event.version,
            correlation_id: event.correlation_id.clone(),
        };
        match &event.kind {
            PublishedKind::Requested { pickup, dropoff, prep_total, prep_remaining, items, priority } => {
                Self::AssignmentRequested {
                    head,
                    pickup: pickup.into(),
                    dropoff: dropoff.into(),
                    prep_total: *prep_total,
                    prep_remaining: *prep_remaining,
                    items: items.iter().map(Into::into).collect(),
                    priority: *priority,
                }
            }
            PublishedKind::Assigned { driver_id, pickup_eta_s, dropoff_eta_s, assignment_score } => {
                Self::DriverAssigned {
                    head,
                    driver_id: driver_id.to_string(),
                    pickup_eta_s: *pickup_eta_s,
                    dropoff_eta_s: *dropoff_eta_s,
                    assignment_score: *assignment_score,
                }
            }
            PublishedKind::Failed { reason, retry_after_seconds } => {
                Self::AssignmentFailed { head, reason: reason.clone(), retry_after_seconds: *retry_after_seconds }
            }
        }
    }
}

/// What somebody in charge did by hand.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(rename = "AuditEntry")]
pub struct AuditOut {
    /// Its place in the feed: read on with `after`.
    #[schemars(with = "schema::Cursor")]
    pub cursor: String,
    /// When.
    #[schemars(with = "schema::Time")]
    pub at: String,
    /// Whose token: `role:subject`.
    pub actor: String,
    /// What was done.
    #[schemars(with = "schema::AuditAct")]
    pub act: String,
    /// To which order.
    #[schemars(with = "Option<schema::Id>")]
    pub order_id: Option<String>,
    /// With which driver.
    #[schemars(with = "Option<schema::Id>")]
    pub driver_id: Option<String>,
    /// In words, where there is more to say.
    pub detail: Option<String>,
}

impl AuditOut {
    /// A row at its place in the feed.
    #[must_use]
    pub fn new(cursor: i64, entry: &AuditEntry) -> Self {
        Self {
            cursor: cursor.to_string(),
            at: to_rfc3339(entry.at),
            actor: entry.actor.clone(),
            act: entry.act.clone(),
            order_id: entry.order_id.as_ref().map(ToString::to_string),
            driver_id: entry.driver_id.as_ref().map(ToString::to_string),
            detail: entry.detail.clone(),
        }
    }
}

/// Work that was given up and waits for a person.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(rename = "DeadLetter")]
pub struct DeadLetterOut {
    /// UUIDv7.
    #[schemars(with = "schema::Id")]
    pub dead_letter_id: String,
    /// Where it lies.
    #[schemars(with = "schema::Queue")]
    pub queue: String,
    /// The order it is about, in queue `orders`.
    #[schemars(with = "Option<schema::Id>")]
    pub order_id: Option<String>,
    /// Why it was given up, such as `no_driver`.
    pub cause: String,
    /// How often it was tried.
    pub tries: u32,
    /// When it was given up.
    #[schemars(with = "schema::Time")]
    pub at: String,
}

impl From<&DeadLetter> for DeadLetterOut {
    fn from(letter: &DeadLetter) -> Self {
        Self {
            dead_letter_id: letter.dead_letter_id.to_string(),
            queue: letter.queue.clone(),
            order_id: letter.order_id.as_ref().map(ToString::to_string),
            cause: letter.cause.clone(),
            tries: letter.tries,
            at: to_rfc3339(letter.at),
        }
    }
}
