//! What an order is: its statuses, places, items and the row itself.

use crate::domain::fleet::Needs;
use crate::domain::geo::Position;
use crate::domain::ids::AssignmentId;
use crate::domain::ids::CustomerId;
use crate::domain::ids::DriverId;
use crate::domain::ids::MerchantId;
use crate::domain::ids::OrderId;
use crate::domain::time::Millis;
use serde::Deserialize;
use serde::Serialize;

/// What is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A meal from a kitchen.
    Food,
    /// A thing from a door to a door.
    Parcel,
    /// A person.
    Ride,
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Placed, not yet paid.
    Created,
    /// Paid.
    Paid,
    /// Waiting for its time window.
    Scheduled,
    /// Looking for a driver.
    Searching,
    /// A driver is on the way to the pickup.
    Assigned,
    /// The driver is at the pickup.
    AtPickup,
    /// On the way to the customer.
    PickedUp,
    /// At the customer's door.
    AtDropoff,
    /// Done.
    Delivered,
    /// Called off.
    Cancelled,
    /// Ended without delivery.
    Failed,
}

impl Status {
    /// Every status, in the order of the lifecycle.
    pub const ALL: [Status; 11] = [
        Self::Created,
        Self::Paid,
        Self::Scheduled,
        Self::Searching,
        Self::Assigned,
        Self::AtPickup,
        Self::PickedUp,
        Self::AtDropoff,
        Self::Delivered,
        Self::Cancelled,
        Self::Failed,
    ];

    /// The text on the wire and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Paid => "paid",
            Self::Scheduled => "scheduled",
            Self::Searching => "searching",
            Self::Assigned => "assigned",
            Self::AtPickup => "at_pickup",
            Self::PickedUp => "picked_up",
            Self::AtDropoff => "at_dropoff",
            Self::Delivered => "delivered",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// Reads the text back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// The active part: a driver carries the order, and its customer may see where.
    #[must_use]
    pub fn is_active(self) -> bool {
        matches!(self, Self::Assigned | Self::AtPickup | Self::PickedUp | Self::AtDropoff)
    }

    /// Nothing happens to the order any more.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Delivered | Self::Cancelled | Self::Failed)
    }

    /// Before the driver has taken the goods.
    #[must_use]
    pub fn is_before_pickup(self) -> bool {
        matches!(self, Self::Created | Self::Paid | Self::Scheduled | Self::Searching | Self::Assigned | Self::AtPickup)
    }
}

/// A pickup or dropoff point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Where.
    #[serde(flatten)]
    pub position: Position,
    /// How people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What.
    pub name: String,
    /// How many.
    pub quantity: u32,
    /// Minor units of the order's currency.
    pub unit_price: i64,
}

/// What the order costs, in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
}

/// The kitchen's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prep {
    /// Whether the goods wait for the driver.
    pub ready: bool,
    /// Expected preparation, in seconds from payment.
    pub seconds: u32,
    /// When it is, or was, ready.
    pub ready_at: Option<Millis>,
}

/// Expected arrivals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Arrivals {
    /// At the pickup.
    pub pickup_at: Option<Millis>,
    /// At the customer's door.
    pub dropoff_at: Option<Millis>,
}

/// An order as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// UUIDv7.
    pub order_id: OrderId,
    /// What is carried.
    pub kind: Kind,
    /// Where it stands.
    pub status: Status,
    /// Grows by one with every event.
    pub version: i64,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// Who prepares it.
    pub merchant_id: Option<MerchantId>,
    /// Who carries it, from `assigned` on.
    pub driver_id: Option<DriverId>,
    /// The assignment it is part of, from `assigned` on.
    pub assignment_id: Option<AssignmentId>,
    /// Where the goods are.
    pub pickup: Place,
    /// Where they go.
    pub dropoff: Place,
    /// What they are.
    pub items: Vec<Item>,
    /// The kitchen's side.
    pub prep: Prep,
    /// The booked time, where there is one.
    pub scheduled_for: Option<Millis>,
    /// When matching should act; absent before it is paid, and while it is parked with a dead letter.
    pub due_at: Option<Millis>,
    /// What it costs.
    pub price: Price,
    /// Expected arrivals.
    pub eta: Arrivals,
    /// The arrival at the door that was foreseen when the driver took it.
    pub promised_at: Option<Millis>,
    /// What it asks of its driver.
    pub needs: Needs,
    /// How often it has begun to look for a driver.
    pub searches: u32,
    /// A word from the customer.
    pub note: Option<String>,
    /// When it was placed.
    pub created_at: Millis,
    /// When it last changed.
    pub updated_at: Millis,
    /// H3 resolution 5 parent of the pickup.
    pub geo_key: String,
}
