//! How the domain's types stand in columns.

use crate::domain::dispatch::AuditEntry;
use crate::domain::dispatch::DeadLetter;
use crate::domain::dispatch::Offer;
use crate::domain::driver::Driver;
use crate::domain::fleet::Needs;
use crate::domain::fleet::Profile;
use crate::domain::fleet::Record;
use crate::domain::geo::Position;
use crate::domain::order::Arrivals;
use crate::domain::order::Order;
use crate::domain::order::OrderEvent;
use crate::domain::order::Place;
use crate::domain::order::Prep;
use crate::domain::order::Price;
use rusqlite::Row;
use rusqlite::types::FromSqlError;
use rusqlite::types::ToSql;
use rusqlite::types::ToSqlOutput;
use rusqlite::types::Value;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Columns of an order that its steps may change, in the order of [`changing_values`].
pub(super) const ORDER_CHANGING: &str = "status, version, merchant_id, driver_id, assignment_id, pickup_latitude, pickup_longitude, \
    pickup_address, dropoff_latitude, dropoff_longitude, dropoff_address, items, prep_ready, prep_seconds, prep_ready_at, scheduled_for, \
    due_at, price_amount, price_currency, eta_pickup_at, eta_dropoff_at, promised_at, \
    searches, note, updated_at";

/// Columns of an order that stay as they were made, in the order of [`lasting_values`].
pub(super) const ORDER_LASTING: &str = "order_id, geo_key, kind, customer_id, needs_vehicle, needs_skills, created_at";

/// Every column of an event, as [`event`] reads them.
pub(super) const EVENT_COLUMNS: &str = "order_id, seq, event, status, at, made_by, reason, driver_id";

/// Every column of an offer but its orders, as [`offer`] reads them.
pub(super) const OFFER_COLUMNS: &str = "offer_id, driver_id, created_at, expires_at, pickup_eta_s, score, outcome";

/// Columns of a driver that a save writes, in the order of [`driver_values`].
pub(super) const DRIVER_SAVED: &str = "shift, share_location, consented_at, name, vehicle, skills, capacity, version";

/// Columns of a driver's record, which commits write.
pub(super) const DRIVER_RECORD: &str = "accepted, declined, lapsed, completed, on_time";

/// Every column of an audit row.
pub(super) const AUDIT_COLUMNS: &str = "at, actor, act, order_id, driver_id, detail";

/// Every column of a dead letter, as [`dead_letter`] reads them.
pub(super) const DEAD_LETTER_COLUMNS: &str = "dead_letter_id, queue, order_id, cause, tries, at";

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
        items: json(row, "items")?,
        prep: Prep {
            ready: row.get("prep_ready")?,
            seconds: row.get("prep_seconds")?,
            ready_at: row.get("prep_ready_at")?,
        },
        scheduled_for: row.get("scheduled_for")?,
        due_at: row.get("due_at")?,
        price: Price { amount: row.get("price_amount")?, currency: row.get("price_currency")? },
        eta: Arrivals { pickup_at: row.get("eta_pickup_at")?, dropoff_at: row.get("eta_dropoff_at")? },
        promised_at: row.get("promised_at")?,
        needs: Needs { vehicle: row.get("needs_vehicle")?, skills: json(row, "needs_skills")? },
        searches: row.get("searches")?,
        note: row.get("note")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

/// What goes into [`ORDER_CHANGING`].
pub(super) fn changing_values(order: &Order) -> rusqlite::Result<Vec<ToSqlOutput<'_>>> {
    let items = to_json(&order.items)?;
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
        order.promised_at.to_sql()?,
        order.searches.into(),
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
        order.needs.vehicle.to_sql()?,
        to_json(&order.needs.skills)?.into(),
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

/// Reads an offer, without its orders.
pub(super) fn offer(row: &Row<'_>) -> rusqlite::Result<Offer> {
    Ok(Offer {
        offer_id: row.get("offer_id")?,
        driver_id: row.get("driver_id")?,
        order_ids: Vec::new(),
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
        pickup_eta_s: row.get("pickup_eta_s")?,
        score: row.get("score")?,
        outcome: row.get("outcome")?,
    })
}

/// Reads a driver.
pub(super) fn driver(row: &Row<'_>) -> rusqlite::Result<Driver> {
    let capacity: Option<u32> = row.get("capacity")?;
    Ok(Driver {
        driver_id: row.get("driver_id")?,
        shift: row.get("shift")?,
        share_location: row.get("share_location")?,
        consented_at: row.get("consented_at")?,
        profile: Profile {
            name: row.get("name")?,
            vehicle: row.get("vehicle")?,
            skills: json(row, "skills")?,
            capacity: capacity.map(|room| room as usize),
        },
        record: Record {
            accepted: row.get("accepted")?,
            declined: row.get("declined")?,
            lapsed: row.get("lapsed")?,
            completed: row.get("completed")?,
            on_time: row.get("on_time")?,
        },
        version: row.get("version")?,
    })
}

/// What goes into [`DRIVER_SAVED`].
pub(super) fn driver_values(driver: &Driver) -> rusqlite::Result<Vec<ToSqlOutput<'_>>> {
    // More room than fits a column is as good as any.
    let capacity = driver.profile.capacity.map(|room| u32::try_from(room).unwrap_or(u32::MAX));
    Ok(vec![
        driver.shift.to_sql()?,
        driver.share_location.into(),
        driver.consented_at.to_sql()?,
        driver.profile.name.to_sql()?,
        driver.profile.vehicle.to_sql()?,
        to_json(&driver.profile.skills)?.into(),
        ToSqlOutput::Owned(capacity.map_or(Value::Null, Value::from)),
        driver.version.into(),
    ])
}

/// Reads an audit row.
pub(super) fn audit(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry {
        at: row.get("at")?,
        actor: row.get("actor")?,
        act: row.get("act")?,
        order_id: row.get("order_id")?,
        driver_id: row.get("driver_id")?,
        detail: row.get("detail")?,
    })
}

/// Reads a dead letter.
pub(super) fn dead_letter(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    Ok(DeadLetter {
        dead_letter_id: row.get("dead_letter_id")?,
        queue: row.get("queue")?,
        order_id: row.get("order_id")?,
        cause: row.get("cause")?,
        tries: row.get("tries")?,
        at: row.get("at")?,
    })
}

/// A column that holds JSON.
fn json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(unreadable)
}

/// What goes into a column that holds JSON.
pub(super) fn to_json<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// A stored position.
pub(super) fn position(latitude: f64, longitude: f64) -> rusqlite::Result<Position> {
    Position::new(latitude, longitude).map_err(unreadable)
}

/// What is stored cannot have been written by this program.
pub(super) fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    FromSqlError::Other(Box::new(error)).into()
}
