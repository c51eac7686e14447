//! Drivers, and all that a driver actor begins with.

use super::SqliteStore;
use super::assignments;
use super::feed;
use super::fixes;
use super::offers;
use super::rows;
use super::rows::DRIVER_RECORD;
use super::rows::DRIVER_SAVED;
use crate::domain::dispatch::AuditEntry;
use crate::domain::dispatch::OfferOutcome;
use crate::domain::dispatch::RecordChange;
use crate::domain::driver::Driver;
use crate::domain::ids::DriverId;
use crate::domain::time::Millis;
use crate::store::Conflict;
use crate::store::DriverState;
use crate::store::DriverStore;
use crate::store::StoreError;
use crate::store::StoreFuture;
use crate::store::StoreResult;
use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::ToSql;
use rusqlite::params_from_iter;

impl DriverStore for SqliteStore {
    fn driver_load(&self, driver_id: DriverId, now: Millis) -> StoreFuture<'_, DriverState> {
        self.read(move |connection| {
            let end = fixes::track_end(connection, &driver_id)?.unwrap_or_default();
            Ok(DriverState {
                driver: fetch(connection, &driver_id)?,
                last_seq: end.last_seq,
                newest: end.newest,
                assignment: assignments::active(connection, &driver_id)?,
                offer: offers::open_for(connection, &driver_id, now)?,
            })
        })
    }

    fn driver_fetch(&self, driver_id: DriverId) -> StoreFuture<'_, Option<Driver>> {
        self.read(move |connection| fetch(connection, &driver_id))
    }

    fn driver_save(&self, driver: Driver, audit: Option<AuditEntry>) -> StoreFuture<'_, ()> {
        self.write(move |connection| {
            save(connection, &driver)?;
            audit.iter().try_for_each(|entry| feed::record(connection, entry))
        })
    }

    fn drivers_seen_since(&self, since: Millis) -> StoreFuture<'_, Vec<DriverId>> {
        self.read(move |connection| {
            let mut statement =
                connection.prepare_cached("SELECT driver_id FROM tracks WHERE newest_timestamp >= ?")?;
            let drivers = statement.query_map([since], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            Ok(drivers)
        })
    }
}

fn fetch(connection: &Connection, driver_id: &DriverId) -> StoreResult<Option<Driver>> {
    let sql = format!("SELECT driver_id, {DRIVER_SAVED}, {DRIVER_RECORD} FROM drivers WHERE driver_id = ?");
    Ok(connection.prepare_cached(&sql)?.query_row([driver_id], rows::driver).optional()?)
}

fn save(connection: &Connection, driver: &Driver) -> StoreResult<()> {
    let mut values = rows::driver_values(driver)?;
    values.push(driver.driver_id.to_sql()?);
    let places = vec!["?"; DRIVER_SAVED.split(',').count()].join(", ");
    let insert = format!("INSERT INTO drivers ({DRIVER_SAVED}, driver_id) VALUES ({places}, ?) ON CONFLICT DO NOTHING");
    let update = format!("UPDATE drivers SET ({DRIVER_SAVED}) = ({places}) WHERE driver_id = ? AND version = ?");
    // A driver never stored counts as version 0.
    let inserted =
        driver.version == 1 && connection.prepare_cached(&insert)?.execute(params_from_iter(values.iter()))? == 1;
    values.push(driver.version.saturating_sub(1).into());
    if inserted || connection.prepare_cached(&update)?.execute(params_from_iter(values))? == 1 {
        Ok(())
    } else {
        Err(StoreError::Conflict(Conflict::DriverChanged))
    }
}

/// Writes to a driver's record, which leaves their version as it is: no decision rests on it. Who was never stored has none.
pub(super) fn count(connection: &Connection, change: &RecordChange) -> StoreResult<()> {
    let (driver_id, sql) = match change {
        RecordChange::Answered { driver_id, outcome } => {
            let sql = match outcome {
                OfferOutcome::Accepted => "UPDATE drivers SET accepted = accepted + 1 WHERE driver_id = ?",
                OfferOutcome::Declined => "UPDATE drivers SET declined = declined + 1 WHERE driver_id = ?",
                OfferOutcome::Expired => "UPDATE drivers SET lapsed = lapsed + 1 WHERE driver_id = ?",
                OfferOutcome::Withdrawn => return Ok(()),
            };
            (driver_id, sql)
        }
        RecordChange::Delivered { driver_id, on_time: true } => {
            (driver_id, "UPDATE drivers SET completed = completed + 1, on_time = on_time + 1 WHERE driver_id = ?")
        }
        RecordChange::Delivered { driver_id, on_time: false } => {
            (driver_id, "UPDATE drivers SET completed = completed + 1 WHERE driver_id = ?")
        }
    };
    connection.prepare_cached(sql)?.execute([driver_id])?;
    Ok(())
}
