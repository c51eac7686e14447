//! Offers: at most one open for a driver and one for an order at a time, which unique indexes hold; what has lapsed is closed on the way.

use super::assignments;
use super::drivers;
use super::orders::is_taken;
use super::rows;
use super::rows::OFFER_COLUMNS;
use crate::domain::dispatch::Offer;
use crate::domain::dispatch::OfferOutcome;
use crate::domain::dispatch::RecordChange;
use crate::domain::ids::DriverId;
use crate::domain::ids::OfferId;
use crate::domain::ids::OrderId;
use crate::domain::order::Status;
use crate::domain::time::Millis;
use crate::store::Conflict;
use crate::store::StoreError;
use crate::store::StoreResult;
use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::ToSql;
use rusqlite::params;
use std::collections::HashSet;

/// Stores an offer of orders that are searching, to a driver who has nothing else to answer or to carry.
pub(super) fn insert(connection: &Connection, offer: &Offer) -> StoreResult<()> {
    let distinct: HashSet<&OrderId> = offer.order_ids.iter().collect();
    if distinct.is_empty() || distinct.len() != offer.order_ids.len() {
        return Err(StoreError::Aborted("an offer holds one order or more, each of them once".to_owned()));
    }
    for order_id in &offer.order_ids {
        check_searching(connection, order_id)?;
        let sql = "SELECT offer_id FROM offer_orders JOIN offers USING (offer_id)
            WHERE order_id = ? AND open = 1 AND expires_at < ?";
        lapse(connection, sql, order_id, offer.created_at)?;
    }
    let sql = "SELECT offer_id FROM offers WHERE driver_id = ? AND outcome IS NULL AND expires_at < ?";
    lapse(connection, sql, &offer.driver_id, offer.created_at)?;
    if assignments::is_busy(connection, &offer.driver_id)? {
        return Err(StoreError::Conflict(Conflict::DriverBusy));
    }
    insert_row(connection, offer)?;
    for (position, order_id) in (0_i64..).zip(&offer.order_ids) {
        let inserted = connection
            .prepare_cached("INSERT INTO offer_orders (offer_id, position, order_id, open) VALUES (?, ?, ?, ?)")?
            .execute(params![offer.offer_id, position, order_id, offer.outcome.is_none()]);
        match inserted {
            Ok(_) => {}
            Err(error) if is_taken(&error) => return Err(StoreError::Conflict(Conflict::OrderOffered)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn check_searching(connection: &Connection, order_id: &OrderId) -> StoreResult<()> {
    let found: Option<(Status, bool)> = connection
        .prepare_cached("SELECT status, due_at IS NULL FROM orders WHERE order_id = ?")?
        .query_row([order_id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match found {
        None => Err(StoreError::NotFound),
        Some((Status::Searching, false)) => Ok(()),
        Some(_) => Err(StoreError::Conflict(Conflict::OrderChanged)),
    }
}

/// Closes what nobody answered in time, with all that its driver's silence means.
fn lapse(connection: &Connection, sql: &str, whose: &dyn ToSql, now: Millis) -> StoreResult<()> {
    for offer_id in ids(connection, sql, &[whose, &now])? {
        let Some(offer) = fetch(connection, &offer_id)? else { continue };
        let outcome = OfferOutcome::Expired;
        close(connection, &offer_id, outcome, now)?;
        for order_id in &offer.order_ids {
            refuse(connection, order_id, &offer.driver_id, now)?;
        }
        drivers::count(connection, &RecordChange::Answered { driver_id: offer.driver_id, outcome })?;
    }
    Ok(())
}

fn ids(connection: &Connection, sql: &str, values: &[&dyn ToSql]) -> StoreResult<Vec<OfferId>> {
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_map(values, |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(found)
}

fn insert_row(connection: &Connection, offer: &Offer) -> StoreResult<()> {
    let sql = format!("INSERT INTO offers ({OFFER_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)");
    let inserted = connection.prepare_cached(&sql)?.execute(params![
        offer.offer_id,
        offer.driver_id,
        offer.created_at,
        offer.expires_at,
        offer.pickup_eta_s,
        offer.score,
        offer.outcome
    ]);
    match inserted {
        Ok(_) => Ok(()),
        Err(error) if is_taken(&error) && fetch(connection, &offer.offer_id)?.is_none() => {
            Err(StoreError::Conflict(Conflict::DriverBusy))
        }
        Err(error) => Err(error.into()),
    }
}

/// One offer.
pub(super) fn fetch(connection: &Connection, offer_id: &OfferId) -> StoreResult<Option<Offer>> {
    let sql = format!("SELECT {OFFER_COLUMNS} FROM offers WHERE offer_id = ?");
    let offer = connection.prepare_cached(&sql)?.query_row([offer_id], rows::offer).optional()?;
    offer.map(|offer| with_orders(connection, offer)).transpose()
}

/// The offer that waits for a driver's answer.
pub(super) fn open_for(connection: &Connection, driver_id: &DriverId, now: Millis) -> StoreResult<Option<Offer>> {
    let sql = format!("SELECT {OFFER_COLUMNS} FROM offers WHERE driver_id = ? AND outcome IS NULL AND expires_at >= ?");
    let offer = connection.prepare_cached(&sql)?.query_row(params![driver_id, now], rows::offer).optional()?;
    offer.map(|offer| with_orders(connection, offer)).transpose()
}

fn with_orders(connection: &Connection, mut offer: Offer) -> StoreResult<Offer> {
    let sql = "SELECT order_id FROM offer_orders WHERE offer_id = ? ORDER BY position";
    let mut statement = connection.prepare_cached(sql)?;
    offer.order_ids = statement.query_map([&offer.offer_id], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(offer)
}

/// Closes an open offer for all of its orders; `false` when it was closed before or never made.
pub(super) fn close(
    connection: &Connection,
    offer_id: &OfferId,
    outcome: OfferOutcome,
    at: Millis,
) -> StoreResult<bool> {
    let closed = connection
        .prepare_cached("UPDATE offers SET outcome = ?, closed_at = ? WHERE offer_id = ? AND outcome IS NULL")?
        .execute(params![outcome, at, offer_id])?;
    if closed == 0 {
        return Ok(false);
    }
    connection.prepare_cached("UPDATE offer_orders SET open = 0 WHERE offer_id = ?")?.execute([offer_id])?;
    Ok(true)
}

/// Withdraws one offer; `false` when it was closed before.
pub(super) fn withdraw(connection: &Connection, offer_id: &OfferId, at: Millis) -> StoreResult<bool> {
    let closed = close(connection, offer_id, OfferOutcome::Withdrawn, at)?;
    if !closed && fetch(connection, offer_id)?.is_none() {
        return Err(StoreError::NotFound);
    }
    Ok(closed)
}

/// Withdraws the offer that is open for an order, with the orders beside it.
pub(super) fn withdraw_for_order(connection: &Connection, order_id: &OrderId, now: Millis) -> StoreResult<()> {
    let sql = "SELECT offer_id FROM offer_orders WHERE order_id = ? AND open = 1";
    for offer_id in ids(connection, sql, &[order_id])? {
        close(connection, &offer_id, OfferOutcome::Withdrawn, now)?;
    }
    Ok(())
}

/// Withdraws the offer that a driver has open.
pub(super) fn withdraw_for_driver(connection: &Connection, driver_id: &DriverId, now: Millis) -> StoreResult<()> {
    let sql = "SELECT offer_id FROM offers WHERE driver_id = ? AND outcome IS NULL";
    for offer_id in ids(connection, sql, &[driver_id])? {
        close(connection, &offer_id, OfferOutcome::Withdrawn, now)?;
    }
    Ok(())
}

/// Notes that an order is not offered to a driver again; the first time counts.
pub(super) fn refuse(connection: &Connection, order_id: &OrderId, driver_id: &DriverId, at: Millis) -> StoreResult<()> {
    connection
        .prepare_cached("INSERT INTO order_refusals (order_id, driver_id, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")?
        .execute(params![order_id, driver_id, at])?;
    Ok(())
}

/// To whom an order is not offered again, in the sequence in which that came about.
pub(super) fn refusals(connection: &Connection, order_id: &OrderId) -> StoreResult<Vec<DriverId>> {
    let sql = "SELECT driver_id FROM order_refusals WHERE order_id = ? ORDER BY at, driver_id";
    let mut statement = connection.prepare_cached(sql)?;
    let drivers = statement.query_map([order_id], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(drivers)
}
