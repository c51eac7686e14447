//! What came of a command: the fields of an `ok` frame, and of the short answers over HTTP.

use crate::domain::ids::OfferId;
use crate::domain::ids::OrderId;
use crate::protocol::schema;
use serde::Serialize;

/// A driver asked for another status.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct ShiftTaken {
    /// The status now seen outside.
    #[schemars(with = "schema::DriverStatus")]
    pub status: &'static str,
}

/// A driver accepted an offer.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct OfferTaken {
    /// The order that is theirs now.
    #[schemars(with = "schema::Id")]
    pub order_id: OrderId,
    /// Its version.
    pub version: i64,
}

/// A driver declined an offer.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct OfferDeclined {
    /// Which.
    #[schemars(with = "schema::Id")]
    pub offer_id: OfferId,
    /// Always `declined`.
    #[schemars(with = "schema::OfferOutcome")]
    pub outcome: &'static str,
}

/// A driver took a step of an order.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct StepTaken {
    /// Which order.
    #[schemars(with = "schema::Id")]
    pub order_id: OrderId,
    /// Where it stands now.
    #[schemars(with = "schema::OrderStatus")]
    pub status: &'static str,
    /// Its version.
    pub version: i64,
}
