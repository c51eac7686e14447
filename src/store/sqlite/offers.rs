//! Offers: at most one open for a driver at a time, which a unique index holds; one that has lapsed is closed on the way.

use super::orders::is_taken;
use super::rows;
use super::rows::OFFER_COLUMNS;
use crate::domain::ids::DriverId;
use crate::domain::ids::OfferId;
use crate::domain::ids::OrderId;
use crate::domain::order::Status;
use crate::domain::time::Millis;
use crate::store::Conflict;
use crate::store::Offer;
use crate::store::OfferChange;
use crate::store::OfferOutcome;
use crate::store::StoreError;
use crate::store::StoreResult;
use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::params;

/// Stores an offer of an order that is searching, to a driver who has no other to answer.
pub(super) fn insert(connection: &Connection, offer: &Offer) -> StoreResult<()> {
    let status: Option<Status> = connection
        .prepare_cached("SELECT status FROM orders WHERE order_id = ?")?
        .query_row([&offer.order_id], |row| row.get(0))
        .optional()?;
    match status {
        None => return Err(StoreError::NotFound),
        Some(Status::Searching) => {}
        Some(_) => return Err(StoreError::Conflict(Conflict::OrderChanged)),
    }
    connection
        .prepare_cached(
            "UPDATE offers SET outcome = ?3, closed_at = ?2 WHERE driver_id = ?1 AND outcome IS NULL AND expires_at < ?2",
        )?
        .execute(params![offer.driver_id, offer.created_at, OfferOutcome::Expired])?;
    let sql = format!("INSERT INTO offers ({OFFER_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)");
    let inserted = connection.prepare_cached(&sql)?.execute(params![
        offer.offer_id,
        offer.order_id,
        offer.driver_id,
        offer.created_at,
        offer.expires_at,
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
    Ok(connection.prepare_cached(&sql)?.query_row([offer_id], rows::offer).optional()?)
}

/// The offer that waits for a driver's answer.
pub(super) fn open_for(connection: &Connection, driver_id: &DriverId, now: Millis) -> StoreResult<Option<Offer>> {
    let sql = format!("SELECT {OFFER_COLUMNS} FROM offers WHERE driver_id = ? AND outcome IS NULL AND expires_at >= ?");
    Ok(connection.prepare_cached(&sql)?.query_row(params![driver_id, now], rows::offer).optional()?)
}

/// Closes an open offer; `false` when it was closed before.
pub(super) fn close(connection: &Connection, change: &OfferChange) -> StoreResult<bool> {
    let closed = connection
        .prepare_cached("UPDATE offers SET outcome = ?, closed_at = ? WHERE offer_id = ? AND outcome IS NULL")?
        .execute(params![change.outcome, change.at, change.offer_id])?;
    if closed == 0 && fetch(connection, &change.offer_id)?.is_none() {
        return Err(StoreError::NotFound);
    }
    Ok(closed == 1)
}

/// Closes an order's offer as part of a change of that order. It must be open, and where it is accepted it must not have lapsed and must
/// have been made to the `taker`, if somebody takes the order.
pub(super) fn settle(
    connection: &Connection,
    order_id: &OrderId,
    change: &OfferChange,
    taker: Option<&DriverId>,
) -> StoreResult<()> {
    let found = fetch(connection, &change.offer_id)?;
    let open = found.is_some_and(|offer| {
        let holds = change.at <= offer.expires_at && taker.is_none_or(|driver_id| *driver_id == offer.driver_id);
        offer.order_id == *order_id && offer.outcome.is_none() && (change.outcome != OfferOutcome::Accepted || holds)
    });
    if open && close(connection, change)? { Ok(()) } else { Err(StoreError::Conflict(Conflict::OfferClosed)) }
}

/// Withdraws what is still open for an order.
pub(super) fn withdraw_all(connection: &Connection, order_id: &OrderId, now: Millis) -> StoreResult<()> {
    connection
        .prepare_cached("UPDATE offers SET outcome = ?, closed_at = ? WHERE order_id = ? AND outcome IS NULL")?
        .execute(params![OfferOutcome::Withdrawn, now, order_id])?;
    Ok(())
}

/// Who has refused an order since a moment, in the order in which they did.
pub(super) fn refusals(connection: &Connection, order_id: &OrderId, since: Millis) -> StoreResult<Vec<DriverId>> {
    let mut statement = connection.prepare_cached(
        "SELECT driver_id FROM offers WHERE order_id = ? AND outcome IN (?, ?) AND closed_at >= ?
         GROUP BY driver_id ORDER BY min(closed_at), driver_id",
    )?;
    let values = params![order_id, OfferOutcome::Declined, OfferOutcome::Expired, since];
    let drivers = statement.query_map(values, |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(drivers)
}
