//! An offer: 1 to capacity orders that one driver is asked to take together.

use crate::domain::ids::DriverId;
use crate::domain::ids::OfferId;
use crate::domain::ids::OrderId;
use crate::domain::time::Millis;

/// How an offer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferOutcome {
    /// The driver took it.
    Accepted,
    /// The driver said no.
    Declined,
    /// Nobody answered in time.
    Expired,
    /// An order went another way, or the driver cannot take it any more.
    Withdrawn,
}

impl OfferOutcome {
    /// The text on the wire and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Reads the text back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Accepted, Self::Declined, Self::Expired, Self::Withdrawn]
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
    }

    /// The driver had the choice and did not take it: the orders are not offered to them again.
    #[must_use]
    pub fn is_refusal(self) -> bool {
        matches!(self, Self::Declined | Self::Expired)
    }
}

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// UUIDv7.
    pub offer_id: OfferId,
    /// Who is asked.
    pub driver_id: DriverId,
    /// What they are asked to carry, in the sequence of the doors; never empty.
    pub order_ids: Vec<OrderId>,
    /// When it was made.
    pub created_at: Millis,
    /// When it lapses.
    pub expires_at: Millis,
    /// Seconds until the driver reaches the pickup, as foreseen when it was made.
    pub pickup_eta_s: i64,
    /// The cost that matching gave it, in seconds: lower is better.
    pub score: f64,
    /// How it ended, absent while open.
    pub outcome: Option<OfferOutcome>,
}
