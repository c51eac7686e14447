//! Drivers, and all that a driver actor begins with.

use super::SqliteStore;
use super::fixes;
use super::offers;
use super::rows;
use crate::domain::driver::Driver;
use crate::domain::ids::AssignmentId;
use crate::domain::ids::DriverId;
use crate::domain::ids::OrderId;
use crate::domain::time::Millis;
use crate::store::Conflict;
use crate::store::DriverState;
use crate::store::DriverStore;
use crate::store::StoreError;
use crate::store::StoreFuture;
use crate::store::StoreResult;
use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::params;

impl DriverStore for SqliteStore {
    fn driver_load(&self, driver_id: DriverId, now: Millis) -> StoreFuture<'_, DriverState> {
        self.read(move |connection| {
            let end = fixes::track_end(connection, &driver_id)?.unwrap_or_default();
            Ok(DriverState {
                driver: fetch(connection, &driver_id)?,
                last_seq: end.last_seq,
                newest: end.newest,
                assignment: active_assignment(connection, &driver_id)?,
                offer: offers::open_for(connection, &driver_id, now)?,
            })
        })
    }

    fn driver_save(&self, driver: Driver) -> StoreFuture<'_, ()> {
        self.write(move |connection| save(connection, &driver))
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
    let sql = "SELECT driver_id, shift, share_location, consented_at, version FROM drivers WHERE driver_id = ?";
    Ok(connection.prepare_cached(sql)?.query_row([driver_id], rows::driver).optional()?)
}

fn save(connection: &Connection, driver: &Driver) -> StoreResult<()> {
    let values = params![driver.driver_id, driver.shift, driver.share_location, driver.consented_at, driver.version];
    let changed = connection
        .prepare_cached(
            "UPDATE drivers SET shift = ?2, share_location = ?3, consented_at = ?4, version = ?5
             WHERE driver_id = ?1 AND version = ?5 - 1",
        )?
        .execute(values)?;
    if changed == 1 {
        return Ok(());
    }
    // A driver never stored counts as version 0.
    let inserted = driver.version == 1
        && connection
            .prepare_cached(
                "INSERT INTO drivers (driver_id, shift, share_location, consented_at, version) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO NOTHING",
            )?
            .execute(values)?
            == 1;
    if inserted { Ok(()) } else { Err(StoreError::Conflict(Conflict::DriverChanged)) }
}

fn active_assignment(
    connection: &Connection,
    driver_id: &DriverId,
) -> StoreResult<Option<(AssignmentId, Vec<OrderId>)>> {
    let assignment_id: Option<AssignmentId> = connection
        .prepare_cached("SELECT assignment_id FROM assignments WHERE driver_id = ? AND ended_at IS NULL")?
        .query_row([driver_id], |row| row.get(0))
        .optional()?;
    let Some(assignment_id) = assignment_id else { return Ok(None) };
    let mut statement = connection.prepare_cached(
        "SELECT order_id FROM orders WHERE assignment_id = ? AND status NOT IN ('delivered', 'cancelled', 'failed')
         ORDER BY order_id",
    )?;
    let orders = statement.query_map([&assignment_id], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(Some((assignment_id, orders)))
}
