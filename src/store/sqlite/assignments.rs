//! Assignments: a driver has one at a time, which a unique index holds.

use super::orders::is_taken;
use crate::domain::driver::Shift;
use crate::domain::ids::AssignmentId;
use crate::domain::ids::DriverId;
use crate::domain::ids::OrderId;
use crate::domain::time::Millis;
use crate::store::Conflict;
use crate::store::StoreError;
use crate::store::StoreResult;
use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::params;

/// Gives the driver, who must be at this version, the assignment. The checks find the right word; what no check can get past is the unique index.
pub(super) fn begin(
    connection: &Connection,
    assignment_id: &AssignmentId,
    (driver_id, driver_version): (&DriverId, i64),
    now: Millis,
) -> StoreResult<()> {
    let found: Option<(Shift, i64)> = connection
        .prepare_cached("SELECT shift, version FROM drivers WHERE driver_id = ?")?
        .query_row([driver_id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let obstacle = match found {
        None => Some(Conflict::DriverUnknown),
        Some((_, version)) if version != driver_version => Some(Conflict::DriverChanged),
        Some((Shift::Paused | Shift::Offline, _)) => Some(Conflict::DriverUnavailable),
        Some((Shift::Available, _)) => None,
    };
    if let Some(obstacle) = obstacle {
        return Err(StoreError::Conflict(obstacle));
    }
    let inserted = connection
        .prepare_cached("INSERT INTO assignments (assignment_id, driver_id, began_at) VALUES (?, ?, ?)")?
        .execute(params![assignment_id, driver_id, now]);
    match inserted {
        Ok(_) => {}
        Err(error) if is_taken(&error) && is_busy(connection, driver_id)? => {
            return Err(StoreError::Conflict(Conflict::DriverBusy));
        }
        Err(error) => return Err(error.into()),
    }
    connection.prepare_cached("UPDATE drivers SET version = version + 1 WHERE driver_id = ?")?.execute([driver_id])?;
    Ok(())
}

/// Whether the driver has an active assignment.
pub(super) fn is_busy(connection: &Connection, driver_id: &DriverId) -> StoreResult<bool> {
    let sql = "SELECT 1 FROM assignments WHERE driver_id = ? AND ended_at IS NULL";
    Ok(connection.prepare_cached(sql)?.exists([driver_id])?)
}

/// Ends the assignment if no active order is left in it. One that has ended already stays as it is.
pub(super) fn leave(connection: &Connection, assignment_id: &AssignmentId, now: Millis) -> StoreResult<()> {
    let known =
        connection.prepare_cached("SELECT 1 FROM assignments WHERE assignment_id = ?")?.exists([assignment_id])?;
    if !known {
        return Err(StoreError::NotFound);
    }
    let sql = "UPDATE assignments SET ended_at = ?2 WHERE assignment_id = ?1 AND ended_at IS NULL AND NOT EXISTS (
            SELECT 1 FROM orders WHERE assignment_id = ?1 AND status IN ('assigned', 'at_pickup', 'picked_up', 'at_dropoff'))";
    if connection.prepare_cached(sql)?.execute(params![assignment_id, now])? == 1 {
        let sql = "UPDATE drivers SET version = version + 1
            WHERE driver_id = (SELECT driver_id FROM assignments WHERE assignment_id = ?)";
        connection.prepare_cached(sql)?.execute([assignment_id])?;
    }
    Ok(())
}

/// The driver's active assignment and its orders that have not ended.
pub(super) fn active(
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
