//! Idempotency keys: which order a client's key led to, and the first answer given.

use crate::domain::ids::OrderId;
use crate::domain::time::Millis;
use crate::limits::IDEMPOTENCY_TTL_MS;
use crate::store::Answer;
use crate::store::Claim;
use crate::store::Placed;
use crate::store::StoreError;
use crate::store::StoreResult;
use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::Row;
use rusqlite::params;

/// Keys deleted in one transaction, so that orders need not wait for a day's worth.
pub(super) const EXPIRED_AT_ONCE: u32 = 2_000;

struct Stored {
    body_hash: [u8; 32],
    order_id: OrderId,
    claimed_at: Millis,
    answer: Option<Answer>,
}

/// Claims the key for a new order, or tells what became of the claim before it.
pub(super) fn claim(connection: &Connection, claim: &Claim, order_id: &OrderId) -> StoreResult<Option<Placed>> {
    let stored = connection
        .prepare_cached(
            "SELECT body_hash, order_id, claimed_at, status, body FROM idempotency_keys WHERE principal = ? AND key = ?",
        )?
        .query_row(params![claim.principal, claim.key], stored)
        .optional()?;
    if let Some(stored) = stored
        && claim.now.since(stored.claimed_at) < IDEMPOTENCY_TTL_MS
    {
        return Ok(Some(if stored.body_hash == claim.body_hash {
            Placed::Before { order_id: stored.order_id, claimed_at: stored.claimed_at, answer: stored.answer }
        } else {
            Placed::Mismatch
        }));
    }
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO idempotency_keys (principal, key, body_hash, order_id, claimed_at) VALUES (?, ?, ?, ?, ?)",
        )?
        .execute(params![claim.principal, claim.key, claim.body_hash, order_id, claim.now])?;
    Ok(None)
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let status: Option<u16> = row.get("status")?;
    let body: Option<String> = row.get("body")?;
    Ok(Stored {
        body_hash: row.get("body_hash")?,
        order_id: row.get("order_id")?,
        claimed_at: row.get("claimed_at")?,
        answer: status.zip(body).map(|(status, body)| Answer { status, body }),
    })
}

/// Records the answer to a claim; the first one stays.
pub(super) fn answer(connection: &Connection, claim: &Claim, answer: &Answer) -> StoreResult<()> {
    let recorded = connection
        .prepare_cached(
            "UPDATE idempotency_keys SET status = ifnull(status, ?4), body = ifnull(body, ?5)
             WHERE principal = ?1 AND key = ?2 AND body_hash = ?3",
        )?
        .execute(params![claim.principal, claim.key, claim.body_hash, answer.status, answer.body])?;
    if recorded == 1 { Ok(()) } else { Err(StoreError::NotFound) }
}

/// Deletes up to [`EXPIRED_AT_ONCE`] keys claimed before a moment and says how many there were.
pub(super) fn expire(connection: &Connection, before: Millis) -> StoreResult<u64> {
    let sql = "DELETE FROM idempotency_keys WHERE (principal, key) IN (
            SELECT principal, key FROM idempotency_keys WHERE claimed_at < ? LIMIT ?)";
    Ok(connection.prepare_cached(sql)?.execute(params![before, EXPIRED_AT_ONCE])? as u64)
}
