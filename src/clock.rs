//! Time and fresh ids: the two things the pure rules in `domain` never make for themselves.

use crate::domain::ids::AssignmentId;
use crate::domain::ids::OfferId;
use crate::domain::ids::OrderId;
use crate::domain::time::Millis;

/// The wall clock, in Unix milliseconds.
#[must_use]
pub fn now() -> Millis {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// A fresh UUIDv7 in its usual text form: grows with time, so that indexes stay compact.
#[must_use]
pub fn fresh_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// A fresh order id.
#[must_use]
pub fn order_id() -> OrderId {
    OrderId::from_generated(fresh_id())
}

/// A fresh offer id.
#[must_use]
pub fn offer_id() -> OfferId {
    OfferId::from_generated(fresh_id())
}

/// A fresh assignment id.
#[must_use]
pub fn assignment_id() -> AssignmentId {
    AssignmentId::from_generated(fresh_id())
}

/// A number from 0 to 1, for pauses that must not fall together.
#[must_use]
pub fn jitter() -> f64 {
    rand::random::<f64>()
}
