//! Revoked subjects and tokens. One thread writes, so cursors grow in the order of commits.

use super::SqliteStore;
use super::feed;
use super::rows::unreadable;
use crate::domain::dispatch::AuditEntry;
use crate::domain::revocation::Revocation;
use crate::domain::revocation::Revoked;
use crate::domain::time::Millis;
use crate::store::FeedRevocation;
use crate::store::RevocationStore;
use crate::store::StoreFuture;
use crate::store::StoreResult;
use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::Row;
use rusqlite::params;
use rusqlite::types::FromSqlError;

impl RevocationStore for SqliteStore {
    fn revocation_save(&self, revocation: Revocation, audit: AuditEntry) -> StoreFuture<'_, Revocation> {
        self.write(move |connection| {
            let saved = save(connection, revocation)?;
            feed::record(connection, &audit)?;
            Ok(saved)
        })
    }

    fn revocations_after(&self, after: i64, limit: usize) -> StoreFuture<'_, Vec<FeedRevocation>> {
        self.read(move |connection| {
            let sql = "SELECT cursor, kind, name, revoked_at FROM revocations WHERE cursor > ? ORDER BY cursor LIMIT ?";
            let mut statement = connection.prepare_cached(sql)?;
            let found = statement.query_map([after, feed::bound(limit)], row)?.collect::<rusqlite::Result<_>>()?;
            Ok(found)
        })
    }
}

/// The row is written anew, which gives it the next cursor.
fn save(connection: &Connection, revocation: Revocation) -> StoreResult<Revocation> {
    let (kind, name) = columns(&revocation.what);
    let before: Option<Millis> = connection
        .prepare_cached("SELECT revoked_at FROM revocations WHERE kind = ? AND name = ?")?
        .query_row([kind, name], |row| row.get(0))
        .optional()?;
    let at = before.map_or(revocation.at, |before| before.max(revocation.at));
    connection
        .prepare_cached("INSERT OR REPLACE INTO revocations (kind, name, revoked_at) VALUES (?, ?, ?)")?
        .execute(params![kind, name, at])?;
    Ok(Revocation { at, ..revocation })
}

fn columns(what: &Revoked) -> (&'static str, &str) {
    match what {
        Revoked::Subject(subject) => ("subject", subject),
        Revoked::Jti(jti) => ("jti", jti),
    }
}

fn row(row: &Row<'_>) -> rusqlite::Result<FeedRevocation> {
    let name = row.get("name")?;
    let what = match row.get_ref("kind")?.as_str()? {
        "subject" => Revoked::Subject(name),
        "jti" => Revoked::Jti(name),
        _ => return Err(unreadable(FromSqlError::InvalidType)),
    };
    let revocation = Revocation { what, at: row.get("revoked_at")? };
    Ok(FeedRevocation { cursor: row.get("cursor")?, revocation })
}
