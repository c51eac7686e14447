//! How the domain's types stand in columns.

use crate::domain::driver::Driver;
use crate::domain::driver::Shift;
use crate::domain::fix::Flag;
use crate::domain::geo::Position;
use crate::domain::ids::AssignmentId;
use crate::domain::ids::CustomerId;
use crate::domain::ids::DriverId;
use crate::domain::ids::MerchantId;
use crate::domain::ids::OfferId;
use crate::domain::ids::OrderId;
use crate::domain::order::Arrivals;
use crate::domain::order::Kind;
use crate::domain::order::Order;
use crate::domain::order::OrderEvent;
use crate::domain::order::Place;
use crate::domain::order::Prep;
use crate::domain::order::Price;
use crate::domain::order::Status;
use crate::domain::time::Millis;
use crate::store::Offer;
use crate::store::OfferOutcome;
use rusqlite::Row;
use rusqlite::types::FromSql;
use rusqlite::types::FromSqlError;
use rusqlite::types::FromSqlResult;
use rusqlite::types::ToSql;
use rusqlite::types::ToSqlOutput;
use rusqlite::types::ValueRef;

/// Columns of an order that its steps may change, in the order of [`changing_values`].
pub(super) const ORDER_CHANGING: &str = "status, version, merchant_id, driver_id, assignment_id, pickup_latitude, pickup_longitude, \
    pickup_address, dropoff_latitude, dropoff_longitude, dropoff_address, items, prep_ready, prep_seconds, prep_ready_at, scheduled_for, \
    due_at, price_amount, price_currency, eta_pickup_at, eta_dropoff_at, note, updated_at";

/// Columns of an order that stay as they were made, in the order of [`lasting_values`].
pub(super) const ORDER_LASTING: &str = "order_id, geo_key, kind, customer_id, created_at";

/// Every column of an event, as [`event`] reads them.
pub(super) const EVENT_COLUMNS: &str = "order_id, seq, event, status, at, made_by, reason, driver_id";

/// Every column of an offer, as [`offer`] reads them.
pub(super) const OFFER_COLUMNS: &str = "offer_id, order_id, driver_id, created_at, expires_at, outcome";

/// Reads an order.
pub(super) fn order(row: &Row<'_>) -> rusqlite::Result<Order> {
    Ok(Order {
        order_id: row.get("order_id")?,
        geo_key: row.get("geo_key")?,
        status: row.get("status")?,
        version: row.get("version")?,
        kind: row.get("kind")?,
        customer_id: row.get("customer_id")?,
        merchant_id: row.get("merchant_id")?,
        driver_id: row.get("driver_id")?,
        assignment_id: row.get("assignment_id")?,
        pickup: Place {
            position: position(row.get("pickup_latitude")?, row.get("pickup_longitude")?)?,
            address: row.get("pickup_address")?,
        },
        dropoff: Place {
            position: position(row.get("dropoff_latitude")?, row.get("dropoff_longitude")?)?,
            address: row.get("dropoff_address")?,
        },
        items: serde_json::from_str(row.get_ref("items")?.as_str()?).map_err(unreadable)?,
        prep: Prep {
            ready: row.get("prep_ready")?,
            seconds: row.get("prep_seconds")?,
            ready_at: row.get("prep_ready_at")?,
        },
        scheduled_for: row.get("scheduled_for")?,
        due_at: row.get("due_at")?,
        price: Price { amount: row.get("price_amount")?, currency: row.get("price_currency")? },
        eta: Arrivals { pickup_at: row.get("eta_pickup_at")?, dropoff_at: row.get("eta_dropoff_at")? },
        note: row.get("note")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

/// What goes into [`ORDER_CHANGING`].
pub(super) fn changing_values(order: &Order) -> rusqlite::Result<Vec<ToSqlOutput<'_>>> {
    let items = serde_json::to_string(&order.items)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    Ok(vec![
        order.status.to_sql()?,
        order.version.into(),
        order.merchant_id.to_sql()?,
        order.driver_id.to_sql()?,
        order.assignment_id.to_sql()?,
        order.pickup.position.latitude().into(),
        order.pickup.position.longitude().into(),
        order.pickup.address.to_sql()?,
        order.dropoff.position.latitude().into(),
        order.dropoff.position.longitude().into(),
        order.dropoff.address.to_sql()?,
        items.into(),
        order.prep.ready.into(),
        order.prep.seconds.into(),
        order.prep.ready_at.to_sql()?,
        order.scheduled_for.to_sql()?,
        order.due_at.to_sql()?,
        order.price.amount.into(),
        order.price.currency.to_sql()?,
        order.eta.pickup_at.to_sql()?,
        order.eta.dropoff_at.to_sql()?,
        order.note.to_sql()?,
        order.updated_at.to_sql()?,
    ])
}

/// What goes into [`ORDER_LASTING`].
pub(super) fn lasting_values(order: &Order) -> rusqlite::Result<Vec<ToSqlOutput<'_>>> {
    Ok(vec![
        order.order_id.to_sql()?,
        order.geo_key.to_sql()?,
        order.kind.to_sql()?,
        order.customer_id.to_sql()?,
        order.created_at.to_sql()?,
    ])
}

/// Reads an event.
pub(super) fn event(row: &Row<'_>) -> rusqlite::Result<OrderEvent> {
    Ok(OrderEvent {
        order_id: row.get("order_id")?,
        seq: row.get("seq")?,
        event: row.get("event")?,
        status: row.get("status")?,
        at: row.get("at")?,
        by: row.get("made_by")?,
        reason: row.get("reason")?,
        driver_id: row.get("driver_id")?,
    })
}

/// Reads an offer.
pub(super) fn offer(row: &Row<'_>) -> rusqlite::Result<Offer> {
    Ok(Offer {
        offer_id: row.get("offer_id")?,
        order_id: row.get("order_id")?,
        driver_id: row.get("driver_id")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
        outcome: row.get("outcome")?,
    })
}

/// Reads a driver.
pub(super) fn driver(row: &Row<'_>) -> rusqlite::Result<Driver> {
    Ok(Driver {
        driver_id: row.get("driver_id")?,
        shift: row.get("shift")?,
        share_location: row.get("share_location")?,
        consented_at: row.get("consented_at")?,
        version: row.get("version")?,
    })
}

/// A stored position.
pub(super) fn position(latitude: f64, longitude: f64) -> rusqlite::Result<Position> {
    Position::new(latitude, longitude).map_err(unreadable)
}

/// What is stored cannot have been written by this program.
pub(super) fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    FromSqlError::Other(Box::new(error)).into()
}

macro_rules! ids_as_text {
    ($($id:ty),*) => {$(
        impl ToSql for $id {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.as_str().into())
            }
        }
        impl FromSql for $id {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                <$id>::parse(value.as_str()?).map_err(FromSqlError::other)
            }
        }
    )*};
}

ids_as_text!(AssignmentId, CustomerId, DriverId, MerchantId, OfferId, OrderId);

macro_rules! words_as_text {
    ($($word:ty: $write:path, $read:path;)*) => {$(
        impl ToSql for $word {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok($write(*self).into())
            }
        }
        impl FromSql for $word {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                $read(value.as_str()?).ok_or(FromSqlError::InvalidType)
            }
        }
    )*};
}

words_as_text! {
    Status: Status::as_str, Status::parse;
    Shift: Shift::as_str, Shift::parse;
    Flag: Flag::code, Flag::from_code;
    Kind: kind_text, kind_of;
    OfferOutcome: outcome_text, outcome_of;
}

fn kind_text(kind: Kind) -> &'static str {
    match kind {
        Kind::Food => "food",
        Kind::Parcel => "parcel",
        Kind::Ride => "ride",
    }
}

fn kind_of(text: &str) -> Option<Kind> {
    [Kind::Food, Kind::Parcel, Kind::Ride].into_iter().find(|kind| kind_text(*kind) == text)
}

fn outcome_text(outcome: OfferOutcome) -> &'static str {
    match outcome {
        OfferOutcome::Accepted => "accepted",
        OfferOutcome::Declined => "declined",
        OfferOutcome::Expired => "expired",
        OfferOutcome::Withdrawn => "withdrawn",
    }
}

fn outcome_of(text: &str) -> Option<OfferOutcome> {
    use OfferOutcome as O;
    [O::Accepted, O::Declined, O::Expired, O::Withdrawn].into_iter().find(|outcome| outcome_text(*outcome) == text)
}

impl ToSql for Millis {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.into())
    }
}

impl FromSql for Millis {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Millis)
    }
}
