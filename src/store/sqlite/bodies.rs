//! How the kinds of published events stand in a JSON column. Numbers come back to the last bit.

use super::rows::position;
use super::rows::to_json;
use super::rows::unreadable;
use crate::domain::dispatch::PublishedKind;
use crate::domain::ids::DriverId;
use crate::domain::order::Item;
use crate::domain::order::Place;
use rusqlite::types::FromSqlError;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde::de::Error;
use serde_json::value::RawValue;

#[derive(Serialize, Deserialize)]
struct Requested {
    pickup: Point,
    dropoff: Point,
    prep_total: u32,
    prep_remaining: i64,
    items: Vec<Item>,
    priority: u32,
}

#[derive(Serialize, Deserialize)]
struct Assigned {
    driver_id: DriverId,
    pickup_eta_s: Option<i64>,
    dropoff_eta_s: Option<i64>,
    #[serde(deserialize_with = "exact_or_none")]
    assignment_score: Option<f64>,
}

#[derive(Serialize, Deserialize)]
struct Failed {
    reason: String,
    #[serde(deserialize_with = "exact_or_none")]
    retry_after_seconds: Option<f64>,
}

#[derive(Serialize, Deserialize)]
struct Point {
    #[serde(deserialize_with = "exact")]
    latitude: f64,
    #[serde(deserialize_with = "exact")]
    longitude: f64,
    address: Option<String>,
}

/// What goes into the column.
pub(super) fn write(kind: &PublishedKind) -> rusqlite::Result<String> {
    match kind.clone() {
        PublishedKind::Requested { pickup, dropoff, prep_total, prep_remaining, items, priority } => {
            let (pickup, dropoff) = (Point::of(pickup), Point::of(dropoff));
            to_json(&Requested { pickup, dropoff, prep_total, prep_remaining, items, priority })
        }
        PublishedKind::Assigned { driver_id, pickup_eta_s, dropoff_eta_s, assignment_score } => {
            to_json(&Assigned { driver_id, pickup_eta_s, dropoff_eta_s, assignment_score })
        }
        PublishedKind::Failed { reason, retry_after_seconds } => to_json(&Failed { reason, retry_after_seconds }),
    }
}

/// Reads the column back, given the event's type.
pub(super) fn read(event_type: &str, body: &str) -> rusqlite::Result<PublishedKind> {
    match event_type {
        "AssignmentRequested" => {
            let Requested { pickup, dropoff, prep_total, prep_remaining, items, priority } = parse(body)?;
            let (pickup, dropoff) = (pickup.place()?, dropoff.place()?);
            Ok(PublishedKind::Requested { pickup, dropoff, prep_total, prep_remaining, items, priority })
        }
        "DriverAssigned" => {
            let Assigned { driver_id, pickup_eta_s, dropoff_eta_s, assignment_score } = parse(body)?;
            Ok(PublishedKind::Assigned { driver_id, pickup_eta_s, dropoff_eta_s, assignment_score })
        }
        "AssignmentFailed" => {
            let Failed { reason, retry_after_seconds } = parse(body)?;
            Ok(PublishedKind::Failed { reason, retry_after_seconds })
        }
        _ => Err(FromSqlError::InvalidType.into()),
    }
}

fn parse<T: DeserializeOwned>(body: &str) -> rusqlite::Result<T> {
    serde_json::from_str(body).map_err(unreadable)
}

impl Point {
    fn of(place: Place) -> Self {
        let (latitude, longitude) = (place.position.latitude(), place.position.longitude());
        Self { latitude, longitude, address: place.address }
    }

    fn place(self) -> rusqlite::Result<Place> {
        Ok(Place { position: position(self.latitude, self.longitude)?, address: self.address })
    }
}

/// The JSON reader rounds the last bit its own way; the standard library reads exactly what was written.
fn exact<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Box::<RawValue>::deserialize(deserializer)?.get().parse().map_err(D::Error::custom)
}

fn exact_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let raw = Option::<Box<RawValue>>::deserialize(deserializer)?;
    raw.map(|number| number.get().parse().map_err(D::Error::custom)).transpose()
}
