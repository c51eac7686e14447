//! What matching sees at one moment: the open orders, the drivers who are or will soon be free, and how far apart places are.

use crate::domain::fleet::Needs;
use crate::domain::fleet::Skill;
use crate::domain::fleet::VehicleKind;
use crate::domain::ids::DriverId;
use crate::domain::ids::MerchantId;
use crate::domain::ids::OrderId;
use crate::domain::time::Millis;
use std::collections::BTreeSet;
use std::collections::HashSet;

/// How long ways take. The live server and the published instances measure them differently.
pub trait Eta {
    /// A point that can be driven to.
    type Place: Copy;

    /// Seconds from one place to another, never negative. Called some ten thousand times a decision: answer from memory.
    fn travel_s(&self, from: Self::Place, to: Self::Place) -> f64;

    /// The place in metres on a plane good enough near here. Used to find who is near, never to tell how long a way takes.
    fn plane_m(&self, place: Self::Place) -> PlanePoint;

    /// Metres a driver usually covers in a second, to rank who is near before ways are looked up.
    fn pace_m_per_s(&self) -> f64;
}

/// Metres east and north of a point that is the same for a whole decision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlanePoint {
    /// Metres east.
    pub x_m: f64,
    /// Metres north.
    pub y_m: f64,
}

impl PlanePoint {
    /// Metres between two points.
    #[must_use]
    pub fn distance_m(self, other: PlanePoint) -> f64 {
        let (x_m, y_m) = (self.x_m - other.x_m, self.y_m - other.y_m);
        // Four times as fast as `hypot`, which guards against overflow no city knows.
        (x_m * x_m + y_m * y_m).sqrt()
    }
}

/// When an order can be picked up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ready {
    /// The moment, or what is expected.
    pub at: Millis,
    /// Standard deviation of the expectation in seconds; 0: `at` is certain.
    pub spread_s: f64,
}

/// An order that waits for a driver.
#[derive(Debug, Clone)]
pub struct OpenOrder<P> {
    /// Which.
    pub order_id: OrderId,
    /// Where the driver has to go first.
    pub pickup: P,
    /// Where it has to be brought.
    pub dropoff: P,
    /// Orders with the same key may share one pickup, as may orders whose pickups lie within `Tuning::shared_pickup_m`.
    pub shared_pickup: Option<MerchantId>,
    /// When the customer asked: click-to-door counts from here.
    pub placed_at: Millis,
    /// Nothing is offered before this.
    pub due_at: Millis,
    /// When the kitchen is, or is expected to be, done.
    pub ready: Ready,
    /// Vehicle and skills it takes.
    pub needs: Needs,
    /// Drivers who have already said no, or nothing.
    pub refused_by: HashSet<DriverId>,
    /// `false`: the order of a neighbouring cell, which competes for drivers but is never offered by this decision.
    pub mine: bool,
}

/// A driver who is free, or will be soon.
#[derive(Debug, Clone)]
pub struct Candidate<P> {
    /// Who.
    pub driver_id: DriverId,
    /// Where they are, or will be once free.
    pub position: P,
    /// Since or from when they are free.
    pub free_at: Millis,
    /// They pick nothing up after this; `None`: no end known.
    pub off_at: Option<Millis>,
    /// Orders they can carry at once, at least 1.
    pub capacity: usize,
    /// What they move with.
    pub vehicle: VehicleKind,
    /// What they can do.
    pub skills: BTreeSet<Skill>,
    /// Since when they have had nothing to do.
    pub idle_since: Millis,
    /// How their past offers went.
    pub record: Record,
}

/// How a driver's past offers went, both as shares from 0 to 1. See [`super::Tuning::record_s`] for what it weighs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Record {
    /// Offers accepted.
    pub acceptance: f64,
    /// Deliveries made within the time promised.
    pub on_time: f64,
}

impl Default for Record {
    /// A newcomer is believed to be perfect.
    fn default() -> Self {
        Self { acceptance: 1.0, on_time: 1.0 }
    }
}

/// Everything one decision is made from.
#[derive(Debug)]
pub struct View<'a, P> {
    /// The moment.
    pub now: Millis,
    /// Orders that wait for a driver, own and neighbouring.
    pub orders: &'a [OpenOrder<P>],
    /// Drivers who may carry them.
    pub drivers: &'a [Candidate<P>],
}
