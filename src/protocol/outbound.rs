//! What the server sends over a socket. Each frame is encoded once, as text that any number of sockets share.

use crate::domain::cell::CellId;
use crate::domain::driver::DriverStatus;
use crate::domain::fix::Fix;
use crate::domain::geo::Position;
use crate::domain::ids::DriverId;
use crate::domain::ids::OfferId;
use crate::domain::ids::OrderId;
use crate::domain::order::Order;
use crate::domain::order::OrderEvent;
use crate::domain::time::Millis;
use crate::limits::HEARTBEAT_S;
use crate::protocol::order::EventOut;
use crate::protocol::order::OrderOut;
use crate::protocol::schema;
use crate::protocol::time::to_rfc3339;
use bytestring::ByteString;
use serde::Serialize;
use serde_json::value::RawValue;

/// Encodes a frame. The types below cannot fail to encode; an empty object would stand for one that did.
pub fn encode<T: Serialize>(frame: &T) -> ByteString {
    ByteString::from(serde_json::to_string(frame).unwrap_or_else(|_| "{}".to_owned()))
}

/// The first frame on every socket.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "type", rename = "welcome")]
pub struct Welcome<'a> {
    /// The session's number on this node.
    pub session: &'a str,
    /// The server pings this often; a client silent for twice as long is closed.
    pub heartbeat_s: u64,
    /// RFC 3339.
    #[schemars(with = "schema::Time")]
    pub server_time: String,
    /// For drivers: the highest `seq` stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seq: Option<i64>,
    /// For drivers: the status seen outside.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "schema::DriverStatus")]
    pub status: Option<&'static str>,
}

impl<'a> Welcome<'a> {
    /// A welcome at `now`.
    #[must_use]
    pub fn new(session: &'a str, now: Millis) -> Self {
        Self { session, heartbeat_s: HEARTBEAT_S, server_time: to_rfc3339(now), last_seq: None, status: None }
    }
}

/// A command was done.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "ok")]
pub struct Done<'a, T: Serialize> {
    /// The client's id for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a RawValue>,
    /// What came of it.
    #[serde(flatten)]
    pub result: T,
}

/// Nothing more to say than `ok`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Nothing {}

/// A command was not done.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "type", rename = "error")]
pub struct Refused<'a> {
    /// The client's id for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "schema::MessageId")]
    pub id: Option<&'a RawValue>,
    /// Stable, snake_case.
    #[schemars(with = "schema::ProblemCode")]
    pub code: &'a str,
    /// For people.
    pub detail: &'a str,
}

/// Every fix up to `seq` is settled.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "type", rename = "ack")]
pub struct Ack<'a> {
    /// Up to here.
    pub seq: i64,
    /// Those of them that gave way to a newer one over the rate.
    pub conflated: &'a [i64],
}

/// A fix was refused (`rejected`), or is stored but will never move the marker (`flagged`).
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct FixNotice {
    /// `rejected` or `flagged`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Which, where it had one.
    pub seq: Option<i64>,
    /// Why.
    #[schemars(with = "schema::FixCode")]
    pub code: &'static str,
}

/// An offer to a driver.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "type", rename = "offer")]
pub struct OfferOut {
    /// Answer with this.
    #[schemars(with = "schema::Id")]
    pub offer_id: OfferId,
    /// What is offered.
    pub orders: Vec<OrderOut>,
    /// Answer before this.
    #[schemars(with = "schema::Time")]
    pub expires_at: String,
    /// Seconds to the pickup.
    pub pickup_eta_s: i64,
}

/// An offer is over.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "type", rename = "offer.closed")]
pub struct OfferClosed<'a> {
    /// Which.
    #[schemars(with = "schema::Id")]
    pub offer_id: &'a OfferId,
    /// `accepted`, `declined`, `expired` or `withdrawn`.
    #[schemars(with = "schema::OfferOutcome")]
    pub reason: &'a str,
}

/// Something happened to an order.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "type", rename = "order")]
pub struct OrderFrame {
    /// What happened.
    #[serde(flatten)]
    pub event: EventOut,
    /// The order after it; left out of replayed events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderOut>,
}

/// Encodes an order event, with the order where it is the newest one.
#[must_use]
pub fn order_frame(event: &OrderEvent, order: Option<&Order>) -> ByteString {
    encode(&OrderFrame { event: event.into(), order: order.map(Into::into) })
}

/// The driver's position, to those who watch an order.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "type", rename = "location")]
pub struct LocationFrame<'a> {
    /// The order.
    #[schemars(with = "schema::Id")]
    pub order_id: &'a OrderId,
    /// Who carries it.
    #[schemars(with = "schema::Id")]
    pub driver_id: &'a DriverId,
    /// Degrees WGS84.
    pub latitude: f64,
    /// Degrees WGS84.
    pub longitude: f64,
    /// Degrees clockwise from north.
    pub heading: Option<f64>,
    /// Metres per second.
    pub speed: Option<f64>,
    /// When the device took it.
    #[schemars(with = "schema::Time")]
    pub timestamp: String,
    /// How old it was when sent.
    pub age_ms: i64,
    /// Seconds to the next stop: the pickup until the goods are picked up, then the door.
    pub eta_s: i64,
}

/// The driver has not been heard of for a while.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "type", rename = "location.stale")]
pub struct LocationStale<'a> {
    /// The order.
    #[schemars(with = "schema::Id")]
    pub order_id: &'a OrderId,
    /// When the last position was taken.
    #[schemars(with = "schema::Time")]
    pub since: String,
}

/// The driver has not been heard of for so long that there is no position any more.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "type", rename = "location.gone")]
pub struct LocationGone<'a> {
    /// The order.
    #[schemars(with = "schema::Id")]
    pub order_id: &'a OrderId,
}

/// A live driver: the answer to `GET /drivers/{id}/location`, and one entry of the operator's map.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct LiveOut {
    /// Who.
    #[schemars(with = "schema::Id")]
    pub driver_id: String,
    /// Degrees WGS84.
    pub latitude: f64,
    /// Degrees WGS84.
    pub longitude: f64,
    /// Degrees clockwise from north.
    pub heading: Option<f64>,
    /// Metres per second.
    pub speed: Option<f64>,
    /// Radius in metres.
    pub accuracy: Option<f64>,
    /// Metres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub altitude: Option<f64>,
    /// When the device took it.
    #[schemars(with = "schema::Time")]
    pub timestamp: String,
    /// The device's counter.
    pub seq: Option<i64>,
    /// The order the driver carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "schema::Id")]
    pub order_id: Option<String>,
    /// Charge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub battery: Option<f64>,
    /// Signal strength.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<f64>,
    /// How old the fix is.
    pub age_ms: i64,
    /// Older than the `stale` setting.
    pub stale: bool,
    /// H3 cell.
    pub cell: String,
    /// `available`, `offered`, `busy`, `paused` or `offline`.
    #[schemars(with = "schema::DriverStatus")]
    pub status: &'static str,
}

impl LiveOut {
    /// A driver as seen at `now`.
    #[must_use]
    pub fn new(
        driver_id: &DriverId,
        fix: &Fix,
        cell: CellId,
        status: DriverStatus,
        now: Millis,
        stale_ms: i64,
    ) -> Self {
        let age_ms = now.since(fix.timestamp).max(0);
        Self {
            driver_id: driver_id.to_string(),
            latitude: fix.position.latitude(),
            longitude: fix.position.longitude(),
            heading: fix.heading,
            speed: fix.speed,
            accuracy: fix.accuracy,
            altitude: fix.altitude,
            timestamp: to_rfc3339(fix.timestamp),
            seq: fix.seq,
            order_id: fix.order_id.as_ref().map(ToString::to_string),
            battery: fix.battery,
            signal: fix.signal,
            age_ms,
            stale: stale_ms > 0 && age_ms > stale_ms,
            cell: cell.to_string(),
            status: status.as_str(),
        }
    }
}

/// Supply and demand of one cell on the operator's map.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct CellOut {
    /// H3 cell.
    pub cell: String,
    /// Corners as `[longitude, latitude]`, closed; sent the first time a viewer sees the cell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boundary: Option<Vec<[f64; 2]>>,
    /// Orders waiting for a driver.
    pub open_orders: usize,
    /// Drivers free for an offer.
    pub free_drivers: usize,
}

/// A ring of corners, closed, longitude first, as GeoJSON wants it.
#[must_use]
pub fn ring(corners: &[Position]) -> Vec<[f64; 2]> {
    corners.iter().chain(corners.first()).map(|at| [at.longitude(), at.latitude()]).collect()
}

/// What an operator's map shows: all of it (`snapshot`) or what changed (`delta`).
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Scene {
    /// `snapshot` or `delta`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Drivers inside.
    pub drivers: Vec<LiveOut>,
    /// Open orders with pickup or dropoff inside.
    pub orders: Vec<OrderOut>,
    /// Cells with supply or demand inside.
    pub cells: Vec<CellOut>,
    /// What is there no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removed: Option<Removed>,
}

/// Something an operator has to look at.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "type", rename = "alert")]
pub struct AlertOut {
    /// `dead_letter`: no driver was found; `driver_lost`, `driver_stalled`: nothing is heard of the driver who carries the order, or they do not
    /// get nearer to the door.
    #[schemars(with = "schema::AlertCode")]
    pub code: &'static str,
    /// The order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "schema::Id")]
    pub order_id: Option<OrderId>,
    /// The driver.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "schema::Id")]
    pub driver_id: Option<DriverId>,
    /// For people.
    pub detail: &'static str,
}

/// Ids of what left the map.
#[derive(Debug, Default, Serialize, schemars::JsonSchema)]
pub struct Removed {
    /// Drivers gone or outside.
    pub drivers: Vec<String>,
    /// Orders ended.
    pub orders: Vec<String>,
    /// Cells with neither supply nor demand.
    pub cells: Vec<String>,
}

impl Removed {
    /// Whether nothing left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.drivers.is_empty() && self.orders.is_empty() && self.cells.is_empty()
    }
}
