//! What others read: published events and audit rows by cursor, dead letters by queue. One thread writes, so cursors grow in the order of commits.

use super::SqliteStore;
use super::bodies;
use super::rows;
use super::rows::AUDIT_COLUMNS;
use super::rows::DEAD_LETTER_COLUMNS;
use crate::domain::dispatch::AuditEntry;
use crate::domain::dispatch::DeadLetter;
use crate::domain::dispatch::Published;
use crate::domain::ids::DeadLetterId;
use crate::domain::ids::OrderId;
use crate::domain::time::Millis;
use crate::store::FeedAudit;
use crate::store::FeedEvent;
use crate::store::FeedStore;
use crate::store::StoreFuture;
use crate::store::StoreResult;
use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::Row;
use rusqlite::ToSql;
use rusqlite::params;

/// Events deleted in one transaction, so that orders need not wait for a day's worth.
pub(super) const EXPIRED_AT_ONCE: u32 = 2_000;

const EVENT_COLUMNS: &str = "event_id, occurred_at, order_id, geo_key, version, correlation_id, kind, body";

impl FeedStore for SqliteStore {
    fn events_after(&self, after: i64, geo_key: Option<String>, limit: usize) -> StoreFuture<'_, Vec<FeedEvent>> {
        self.read(move |connection| events(connection, after, geo_key.as_deref(), limit))
    }

    fn audit_after(&self, after: i64, limit: usize) -> StoreFuture<'_, Vec<FeedAudit>> {
        self.read(move |connection| {
            let sql = format!("SELECT cursor, {AUDIT_COLUMNS} FROM audit WHERE cursor > ? ORDER BY cursor LIMIT ?");
            let mut statement = connection.prepare_cached(&sql)?;
            let read = |row: &Row<'_>| Ok(FeedAudit { cursor: row.get("cursor")?, entry: rows::audit(row)? });
            let entries = statement.query_map([after, bound(limit)], read)?.collect::<rusqlite::Result<_>>()?;
            Ok(entries)
        })
    }

    fn dead_letters(
        &self,
        queue: String,
        after: Option<DeadLetterId>,
        limit: usize,
    ) -> StoreFuture<'_, Vec<DeadLetter>> {
        self.read(move |connection| {
            let sql = format!(
                "SELECT {DEAD_LETTER_COLUMNS} FROM dead_letters WHERE queue = ? AND dead_letter_id > ?
                 ORDER BY dead_letter_id LIMIT ?"
            );
            let after = after.as_ref().map_or("", DeadLetterId::as_str);
            let mut statement = connection.prepare_cached(&sql)?;
            let letters = statement.query_map(params![queue, after, bound(limit)], rows::dead_letter)?;
            Ok(letters.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn dead_letter_fetch(&self, dead_letter_id: DeadLetterId) -> StoreFuture<'_, Option<DeadLetter>> {
        self.read(move |connection| {
            let sql = format!("SELECT {DEAD_LETTER_COLUMNS} FROM dead_letters WHERE dead_letter_id = ?");
            Ok(connection.prepare_cached(&sql)?.query_row([&dead_letter_id], rows::dead_letter).optional()?)
        })
    }

    fn events_expire(&self, before: Millis) -> StoreFuture<'_, u64> {
        Box::pin(async move {
            let mut total = 0;
            loop {
                let deleted = self.write(move |connection| expire(connection, before)).await?;
                total += deleted;
                if deleted < u64::from(EXPIRED_AT_ONCE) {
                    return Ok(total);
                }
            }
        })
    }
}

/// As SQL counts.
pub(super) fn bound(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn events(connection: &Connection, after: i64, geo_key: Option<&str>, limit: usize) -> StoreResult<Vec<FeedEvent>> {
    let limit = bound(limit);
    let mut values: Vec<&dyn ToSql> = vec![&after];
    let mut of_area = "";
    if let Some(geo_key) = &geo_key {
        values.push(geo_key);
        of_area = " AND geo_key = ?";
    }
    values.push(&limit);
    let sql = format!(
        "SELECT cursor, {EVENT_COLUMNS} FROM published_events WHERE cursor > ?{of_area} ORDER BY cursor LIMIT ?"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_map(values.as_slice(), event)?.collect::<rusqlite::Result<_>>()?;
    Ok(found)
}

fn event(row: &Row<'_>) -> rusqlite::Result<FeedEvent> {
    let event = Published {
        event_id: row.get("event_id")?,
        occurred_at: row.get("occurred_at")?,
        order_id: row.get("order_id")?,
        geo_key: row.get("geo_key")?,
        version: row.get("version")?,
        correlation_id: row.get("correlation_id")?,
        kind: bodies::read(row.get_ref("kind")?.as_str()?, row.get_ref("body")?.as_str()?)?,
    };
    Ok(FeedEvent { cursor: row.get("cursor")?, event })
}

/// Publishes an event.
pub(super) fn publish(connection: &Connection, event: &Published) -> StoreResult<()> {
    let sql = format!("INSERT INTO published_events ({EVENT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    connection.prepare_cached(&sql)?.execute(params![
        event.event_id,
        event.occurred_at,
        event.order_id,
        event.geo_key,
        event.version,
        event.correlation_id,
        event.kind.event_type(),
        bodies::write(&event.kind)?
    ])?;
    Ok(())
}

/// Writes an audit row.
pub(super) fn record(connection: &Connection, entry: &AuditEntry) -> StoreResult<()> {
    let sql = format!("INSERT INTO audit ({AUDIT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)");
    connection.prepare_cached(&sql)?.execute(params![
        entry.at,
        entry.actor,
        entry.act,
        entry.order_id,
        entry.driver_id,
        entry.detail
    ])?;
    Ok(())
}

/// Lays a dead letter down; an order that has one already gets no second.
pub(super) fn lay_down(connection: &Connection, letter: &DeadLetter) -> StoreResult<()> {
    let sql = format!("INSERT INTO dead_letters ({DEAD_LETTER_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)");
    connection.prepare_cached(&sql)?.execute(params![
        letter.dead_letter_id,
        letter.queue,
        letter.order_id,
        letter.cause,
        letter.tries,
        letter.at
    ])?;
    Ok(())
}

/// Takes up an order's dead letter, where there is one.
pub(super) fn take_up(connection: &Connection, order_id: &OrderId) -> StoreResult<()> {
    connection.prepare_cached("DELETE FROM dead_letters WHERE order_id = ?")?.execute([order_id])?;
    Ok(())
}

/// Deletes up to [`EXPIRED_AT_ONCE`] events from before a moment and says how many there were.
fn expire(connection: &Connection, before: Millis) -> StoreResult<u64> {
    let sql = "DELETE FROM published_events WHERE cursor IN (
            SELECT cursor FROM published_events WHERE occurred_at < ? LIMIT ?)";
    Ok(connection.prepare_cached(sql)?.execute(params![before, EXPIRED_AT_ONCE])? as u64)
}
