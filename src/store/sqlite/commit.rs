//! One change of an order, whole or not at all: the order by compare-and-set, then its offer, then its driver.
//!
//! Runs inside a savepoint of the one writer, so whatever it has read still holds when it writes.

use super::offers;
use super::orders::insert_event;
use super::orders::is_taken;
use super::rows;
use super::rows::ORDER_CHANGING;
use crate::domain::driver::Shift;
use crate::domain::ids::AssignmentId;
use crate::domain::ids::DriverId;
use crate::domain::ids::OrderId;
use crate::domain::order::Order;
use crate::domain::order::Status;
use crate::domain::time::Millis;
use crate::store::AssignmentChange;
use crate::store::Conflict;
use crate::store::OrderCommit;
use crate::store::StoreError;
use crate::store::StoreResult;
use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::params;
use rusqlite::params_from_iter;
use rusqlite::types::ToSql;
use std::sync::LazyLock;

static UPDATE: LazyLock<String> = LazyLock::new(|| {
    let places = vec!["?"; ORDER_CHANGING.split(',').count()].join(", ");
    format!("UPDATE orders SET ({ORDER_CHANGING}) = ({places}) WHERE order_id = ? AND version = ?")
});

/// Writes the change, or says what stood in its way; the caller rolls back then.
pub(super) fn apply(connection: &Connection, commit: &OrderCommit) -> StoreResult<()> {
    check_numbers(commit)?;
    let order = &commit.order;
    compare_and_set(connection, order, commit.expected_version)?;
    for event in &commit.events {
        insert_event(connection, event)?;
    }
    if let Some(change) = &commit.offer {
        let taker = match &commit.assignment {
            Some(AssignmentChange::Begin { driver_id, .. }) => Some(driver_id),
            _ => None,
        };
        offers::settle(connection, &order.order_id, change, taker)?;
    }
    if order.status != Status::Searching {
        offers::withdraw_all(connection, &order.order_id, order.updated_at)?;
    }
    match &commit.assignment {
        Some(AssignmentChange::Begin { assignment_id, driver_id }) => {
            begin(connection, assignment_id, driver_id, order.updated_at)
        }
        Some(AssignmentChange::Leave { assignment_id }) => {
            leave(connection, assignment_id, &order.order_id, order.updated_at)
        }
        None => Ok(()),
    }
}

/// Version and events must count up without a gap: watchers resume by them.
fn check_numbers(commit: &OrderCommit) -> StoreResult<()> {
    let expected = (1_i64..).map(|step| commit.expected_version.saturating_add(step));
    let in_step = commit
        .events
        .iter()
        .zip(expected)
        .all(|(event, seq)| event.seq == seq && event.order_id == commit.order.order_id);
    let steps = i64::try_from(commit.events.len()).unwrap_or(i64::MAX);
    if in_step && commit.order.version == commit.expected_version.saturating_add(steps) {
        Ok(())
    } else {
        Err(StoreError::Aborted("the change of an order and its events are not numbered in step".to_owned()))
    }
}

fn compare_and_set(connection: &Connection, order: &Order, expected_version: i64) -> StoreResult<()> {
    let mut values = rows::changing_values(order)?;
    values.push(order.order_id.to_sql()?);
    values.push(expected_version.into());
    if connection.prepare_cached(&UPDATE)?.execute(params_from_iter(values))? == 1 {
        return Ok(());
    }
    let known = connection.prepare_cached("SELECT 1 FROM orders WHERE order_id = ?")?.exists([&order.order_id])?;
    Err(if known { StoreError::Conflict(Conflict::OrderChanged) } else { StoreError::NotFound })
}

/// Gives the driver the assignment. The checks find the right word; what no check can get past is the unique index.
fn begin(connection: &Connection, assignment_id: &AssignmentId, driver_id: &DriverId, now: Millis) -> StoreResult<()> {
    let shift: Option<Shift> = connection
        .prepare_cached("SELECT shift FROM drivers WHERE driver_id = ?")?
        .query_row([driver_id], |row| row.get(0))
        .optional()?;
    match shift {
        None => return Err(StoreError::Conflict(Conflict::DriverUnknown)),
        Some(Shift::Available) => {}
        Some(Shift::Paused | Shift::Offline) => return Err(StoreError::Conflict(Conflict::DriverUnavailable)),
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

fn is_busy(connection: &Connection, driver_id: &DriverId) -> StoreResult<bool> {
    let sql = "SELECT 1 FROM assignments WHERE driver_id = ? AND ended_at IS NULL";
    Ok(connection.prepare_cached(sql)?.exists([driver_id])?)
}

/// Takes the order out of its assignment, which ends with its last active order. One that has ended already stays as it is.
fn leave(connection: &Connection, assignment_id: &AssignmentId, order_id: &OrderId, now: Millis) -> StoreResult<()> {
    let known =
        connection.prepare_cached("SELECT 1 FROM assignments WHERE assignment_id = ?")?.exists([assignment_id])?;
    if !known {
        return Err(StoreError::NotFound);
    }
    let sql = "UPDATE assignments SET ended_at = ?3 WHERE assignment_id = ?1 AND ended_at IS NULL AND NOT EXISTS (
            SELECT 1 FROM orders WHERE assignment_id = ?1 AND order_id <> ?2
                AND status IN ('assigned', 'at_pickup', 'picked_up', 'at_dropoff'))";
    connection.prepare_cached(sql)?.execute(params![assignment_id, order_id, now])?;
    Ok(())
}
