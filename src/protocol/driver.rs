//! Drivers on the wire: what they bring, how they did, and what waits for their answer.

use crate::domain::dispatch::Offer;
use crate::domain::driver::Driver;
use crate::domain::driver::DriverStatus;
use crate::domain::fleet::Record;
use crate::domain::ids::OfferId;
use crate::domain::order::Order;
use crate::protocol::order::OrderOut;
use crate::protocol::schema;
use crate::protocol::time::to_rfc3339;
use serde::Deserialize;
use serde::Serialize;

/// A driver's profile as those in charge set it: all of it anew, so what is left out is unset.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
pub struct ProfileIn {
    /// How people call them, at most 500 characters.
    #[serde(default)]
    pub name: Option<String>,
    /// What they move by; `scooter` when absent.
    #[serde(default)]
    #[schemars(with = "Option<schema::Vehicle>")]
    pub vehicle: Option<String>,
    /// What they can do or carry, at most 32.
    #[serde(default)]
    #[schemars(with = "Option<Vec<schema::Skill>>")]
    pub skills: Option<Vec<String>>,
    /// Orders they carry at once, 1 to 16; the setting `driver_capacity` decides when absent.
    #[serde(default)]
    #[schemars(range(min = 1, max = 16))]
    pub capacity: Option<usize>,
    /// Whether customers may see them; stays as it was when absent. `false` ends a shift.
    #[serde(default)]
    pub share_location: Option<bool>,
}

/// How a driver's offers and deliveries went, over their life.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(rename = "DriverRecord")]
pub struct RecordOut {
    /// Offers taken.
    pub accepted: u32,
    /// Offers turned down.
    pub declined: u32,
    /// Offers left to lapse.
    pub lapsed: u32,
    /// Orders brought to the door.
    pub completed: u32,
    /// Those of them that came within five minutes of the time foreseen at their assignment.
    pub on_time: u32,
    /// Share of offers taken, 0 to 1, with ten good ones credited to everybody.
    pub acceptance: f64,
    /// Share of deliveries on time, 0 to 1, with ten good ones credited to everybody.
    pub punctuality: f64,
}

impl From<&Record> for RecordOut {
    fn from(record: &Record) -> Self {
        Self {
            accepted: record.accepted,
            declined: record.declined,
            lapsed: record.lapsed,
            completed: record.completed,
            on_time: record.on_time,
            acceptance: record.acceptance(),
            punctuality: record.punctuality(),
        }
    }
}

/// A driver as those in charge see them.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Driver")]
pub struct DriverOut {
    /// Who.
    #[schemars(with = "schema::Id")]
    pub driver_id: String,
    /// How people call them.
    pub name: Option<String>,
    /// What they move by.
    #[schemars(with = "schema::Vehicle")]
    pub vehicle: &'static str,
    /// What they can do or carry.
    #[schemars(with = "Vec<schema::Skill>")]
    pub skills: Vec<String>,
    /// Orders they carry at once; null where the setting decides.
    pub capacity: Option<usize>,
    /// Whether customers may see them while they carry their order.
    pub share_location: bool,
    /// When they last agreed to that.
    #[schemars(with = "Option<schema::Time>")]
    pub consented_at: Option<String>,
    /// The status seen outside.
    #[schemars(with = "schema::DriverStatus")]
    pub status: &'static str,
    /// How offers and deliveries went.
    pub record: RecordOut,
}

impl DriverOut {
    /// A driver who is seen as `status`.
    #[must_use]
    pub fn new(driver: &Driver, status: DriverStatus) -> Self {
        let profile = &driver.profile;
        Self {
            driver_id: driver.driver_id.to_string(),
            name: profile.name.clone(),
            vehicle: profile.vehicle.as_str(),
            skills: profile.skills.iter().map(|skill| skill.as_str().to_owned()).collect(),
            capacity: profile.capacity,
            share_location: driver.share_location,
            consented_at: driver.consented_at.map(to_rfc3339),
            status: status.as_str(),
            record: (&driver.record).into(),
        }
    }
}

/// An offer that waits for its driver's answer.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "OpenOffer")]
pub struct OpenOfferOut {
    /// Answer with this.
    #[schemars(with = "schema::Id")]
    pub offer_id: OfferId,
    /// What is offered, in the sequence of the doors: all of it or nothing.
    pub orders: Vec<OrderOut>,
    /// Answer before this.
    #[schemars(with = "schema::Time")]
    pub expires_at: String,
    /// Seconds to the pickup.
    pub pickup_eta_s: i64,
}

impl OpenOfferOut {
    /// An offer of these orders.
    #[must_use]
    pub fn new(offer: Offer, orders: &[Order]) -> Self {
        Self {
            offer_id: offer.offer_id,
            orders: orders.iter().map(OrderOut::from).collect(),
            expires_at: to_rfc3339(offer.expires_at),
            pickup_eta_s: offer.pickup_eta_s,
        }
    }
}
