//! Orders on the wire.

use crate::domain::fleet::VehicleKind;
use crate::domain::ids::CustomerId;
use crate::domain::ids::MerchantId;
use crate::domain::order::Item;
use crate::domain::order::Kind;
use crate::domain::order::Order;
use crate::domain::order::OrderEvent;
use crate::domain::order::Place;
use crate::domain::time::Millis;
use crate::protocol::schema;
use crate::protocol::time::to_rfc3339;
use serde::Deserialize;
use serde::Serialize;

/// A pickup or dropoff point.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Place")]
pub struct PlaceOut {
    /// Degrees WGS84.
    pub latitude: f64,
    /// Degrees WGS84.
    pub longitude: f64,
    /// How people call it.
    pub address: Option<String>,
}

impl From<&Place> for PlaceOut {
    fn from(place: &Place) -> Self {
        let (latitude, longitude) = (place.position.latitude(), place.position.longitude());
        Self { latitude, longitude, address: place.address.clone() }
    }
}

/// One line of an order.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Item")]
pub struct ItemOut {
    /// What.
    pub name: String,
    /// How many.
    pub quantity: u32,
    /// Minor units of the order's currency.
    pub unit_price: i64,
}

impl From<&Item> for ItemOut {
    fn from(item: &Item) -> Self {
        Self { name: item.name.clone(), quantity: item.quantity, unit_price: item.unit_price }
    }
}

/// The kitchen's side.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Prep")]
pub struct PrepOut {
    /// `preparing` or `ready`.
    #[schemars(with = "schema::PrepState")]
    pub state: &'static str,
    /// Expected preparation in seconds, counted from payment.
    pub seconds: u32,
    /// When it is, or was, ready.
    #[schemars(with = "Option<schema::Time>")]
    pub ready_at: Option<String>,
}

/// Money.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Price")]
pub struct PriceOut {
    /// Minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
}

/// Expected arrivals.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Eta")]
pub struct EtaOut {
    /// At the pickup.
    #[schemars(with = "Option<schema::Time>")]
    pub pickup_at: Option<String>,
    /// At the customer's door.
    #[schemars(with = "Option<schema::Time>")]
    pub dropoff_at: Option<String>,
}

/// An order as people see it.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Order")]
pub struct OrderOut {
    /// UUIDv7.
    #[schemars(with = "schema::Id")]
    pub order_id: String,
    /// `food`, `parcel` or `ride`.
    #[schemars(with = "schema::OrderKind")]
    pub kind: Kind,
    /// The step it stands at.
    #[schemars(with = "schema::OrderStatus")]
    pub status: &'static str,
    /// Grows by one with each event.
    pub version: i64,
    /// Who ordered.
    #[schemars(with = "schema::Id")]
    pub customer_id: String,
    /// Who prepares it.
    #[schemars(with = "Option<schema::Id>")]
    pub merchant_id: Option<String>,
    /// Who carries it.
    #[schemars(with = "Option<schema::Id>")]
    pub driver_id: Option<String>,
    /// As part of which assignment.
    #[schemars(with = "Option<schema::Id>")]
    pub assignment_id: Option<String>,
    /// Where the goods are.
    pub pickup: PlaceOut,
    /// Where they go.
    pub dropoff: PlaceOut,
    /// What they are.
    pub items: Vec<ItemOut>,
    /// The vehicle it needs; null where any will do.
    #[schemars(with = "Option<schema::Vehicle>")]
    pub vehicle: Option<&'static str>,
    /// What its driver must be able to do.
    #[schemars(with = "Vec<schema::Skill>")]
    pub skills: Vec<String>,
    /// The kitchen's side.
    pub prep: PrepOut,
    /// The booked time.
    #[schemars(with = "Option<schema::Time>")]
    pub scheduled_for: Option<String>,
    /// When matching should act.
    #[schemars(with = "Option<schema::Time>")]
    pub due_at: Option<String>,
    /// What it costs.
    pub price: PriceOut,
    /// Expected arrivals.
    pub eta: EtaOut,
    /// A word from the customer.
    pub note: Option<String>,
    /// When it was placed.
    #[schemars(with = "schema::Time")]
    pub created_at: String,
    /// When it last changed.
    #[schemars(with = "schema::Time")]
    pub updated_at: String,
    /// H3 resolution 5 cell of the pickup.
    pub geo_key: String,
}

fn stamp(at: Option<Millis>) -> Option<String> {
    at.map(to_rfc3339)
}

impl From<&Order> for OrderOut {
    fn from(order: &Order) -> Self {
        Self {
            order_id: order.order_id.to_string(),
            kind: order.kind,
            status: order.status.as_str(),
            version: order.version,
            customer_id: order.customer_id.to_string(),
            merchant_id: order.merchant_id.as_ref().map(ToString::to_string),
            driver_id: order.driver_id.as_ref().map(ToString::to_string),
            assignment_id: order.assignment_id.as_ref().map(ToString::to_string),
            pickup: (&order.pickup).into(),
            dropoff: (&order.dropoff).into(),
            items: order.items.iter().map(Into::into).collect(),
            vehicle: order.needs.vehicle.map(VehicleKind::as_str),
            skills: order.needs.skills.iter().map(|skill| skill.as_str().to_owned()).collect(),
            prep: PrepOut {
                state: if order.prep.ready { "ready" } else { "preparing" },
                seconds: order.prep.seconds,
                ready_at: stamp(order.prep.ready_at),
            },
            scheduled_for: stamp(order.scheduled_for),
            due_at: stamp(order.due_at),
            price: PriceOut { amount: order.price.amount, currency: order.price.currency.clone() },
            eta: EtaOut { pickup_at: stamp(order.eta.pickup_at), dropoff_at: stamp(order.eta.dropoff_at) },
            note: order.note.clone(),
            created_at: to_rfc3339(order.created_at),
            updated_at: to_rfc3339(order.updated_at),
            geo_key: order.geo_key.clone(),
        }
    }
}

/// One event of an order.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(rename = "OrderEvent")]
pub struct EventOut {
    /// The order.
    #[schemars(with = "schema::Id")]
    pub order_id: String,
    /// The order's version after it; counts up by one.
    pub seq: i64,
    /// The event's name: the status it led to, or, where that stayed or fell back, `ready`, `released` (the driver was taken off), `offer_declined`,
    /// `offer_expired`, `parked` (nobody was found: a dead letter waits for an operator) or `retried`.
    pub event: String,
    /// The order's status after it.
    #[schemars(with = "schema::OrderStatus")]
    pub status: &'static str,
    /// When.
    #[schemars(with = "schema::Time")]
    pub at: String,
    /// The role of who did it.
    pub by: String,
    /// Why, where somebody said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The driver after it.
    #[schemars(with = "Option<schema::Id>")]
    pub driver_id: Option<String>,
}

impl From<&OrderEvent> for EventOut {
    fn from(event: &OrderEvent) -> Self {
        Self {
            order_id: event.order_id.to_string(),
            seq: event.seq,
            event: event.event.clone(),
            status: event.status.as_str(),
            at: to_rfc3339(event.at),
            by: event.by.clone(),
            reason: event.reason.clone(),
            driver_id: event.driver_id.as_ref().map(ToString::to_string),
        }
    }
}

/// A pickup or dropoff point as clients send it.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
pub struct PlaceIn {
    /// Degrees WGS84.
    #[schemars(range(min = -90, max = 90), example = 43.7696)]
    pub latitude: f64,
    /// Degrees WGS84.
    #[schemars(range(min = -180, max = 180), example = 11.2558)]
    pub longitude: f64,
    /// How people call it, at most 500 characters.
    #[serde(default)]
    pub address: Option<String>,
}

/// One line of an order as clients send it.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
pub struct ItemIn {
    /// What, at most 500 characters.
    pub name: String,
    /// How many, 1 to 1,000.
    #[serde(default = "one")]
    pub quantity: u32,
    /// Minor units, not negative.
    #[serde(default)]
    pub unit_price: i64,
}

fn one() -> u32 {
    1
}

/// A new order.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
pub struct NewOrder {
    /// `food`, `parcel` or `ride`.
    #[schemars(with = "schema::OrderKind")]
    pub kind: Kind,
    /// Where the goods are.
    pub pickup: PlaceIn,
    /// Where they go.
    pub dropoff: PlaceIn,
    /// What they are, at most 100 lines.
    #[serde(default)]
    pub items: Vec<ItemIn>,
    /// Expected preparation in seconds, at most a day.
    #[serde(default)]
    pub prep_seconds: Option<u32>,
    /// Who prepares it.
    #[serde(default)]
    #[schemars(with = "Option<schema::Id>")]
    pub merchant_id: Option<MerchantId>,
    /// Whose order it is; for roles service and operator only.
    #[serde(default)]
    #[schemars(with = "Option<schema::Id>")]
    pub customer_id: Option<CustomerId>,
    /// A time window in the future. Not available yet.
    #[serde(default)]
    pub scheduled_for: Option<serde_json::Value>,
    /// The vehicle it needs: exactly this kind. Any when absent.
    #[serde(default)]
    #[schemars(with = "Option<schema::Vehicle>")]
    pub vehicle: Option<String>,
    /// What its driver must be able to do, at most 32.
    #[serde(default)]
    #[schemars(with = "Option<Vec<schema::Skill>>")]
    pub skills: Option<Vec<String>>,
    /// A quote to be honoured. Not available yet.
    #[serde(default)]
    pub quote_id: Option<serde_json::Value>,
    /// A word for the driver, at most 500 characters.
    #[serde(default)]
    pub note: Option<String>,
}
