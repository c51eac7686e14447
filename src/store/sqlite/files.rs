//! The data folder: its lock, its database and how connections are set up.

use super::Ack;
use crate::limits::STORE_TIMEOUT_MS;
use crate::store::StoreError;
use crate::store::StoreResult;
use rusqlite::Connection;
use rusqlite::OpenFlags;
use std::fs::DirBuilder;
use std::fs::File;
use std::fs::TryLockError;
use std::path::Path;
use std::time::Duration;

const LOCK: &str = "beeline.lock";
/// Statements kept prepared by each connection.
const STATEMENTS_MAX: usize = 64;

// The macro reads the folder when this file is compiled: touch it when a migration is added.
#[allow(clippy::unwrap_used, reason = "made by the macro, of file names it has itself checked")]
pub(super) mod embedded {
    refinery::embed_migrations!("migrations/sqlite");
}

/// The folder a database lies in.
pub(super) fn folder_of(database: &Path) -> &Path {
    database.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the folder where it is not there and takes it for this process, until the returned file is dropped or the process ends.
pub(super) fn lock(folder: &Path) -> StoreResult<File> {
    let shown = folder.display();
    let refused = |error: std::io::Error| StoreError::Aborted(format!("cannot use the data folder {shown}: {error}"));
    folder_builder().create(folder).map_err(refused)?;
    let file = File::options().create(true).truncate(false).write(true).open(folder.join(LOCK)).map_err(refused)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Aborted(format!(
            "the data folder {shown} is in use by another beeline process; stop that one first, or choose another folder with BEELINE_DATA"
        ))),
        Err(TryLockError::Error(error)) => Err(refused(error)),
    }
}

/// Positions are nobody else's business.
#[cfg(unix)]
fn folder_builder() -> DirBuilder {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder
}

#[cfg(not(unix))]
fn folder_builder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    builder
}

/// The writing connection, its tables up to date.
pub(super) fn open_writer(path: &Path, ack: Ack) -> StoreResult<Connection> {
    let refused = |error: &dyn std::fmt::Display| {
        StoreError::Aborted(format!("cannot open the database {}: {error}", path.display()))
    };
    let mut connection = Connection::open(path).map_err(|error| refused(&error))?;
    set_up_writer(&connection, ack).map_err(|error| refused(&error))?;
    embedded::migrations::runner().run(&mut connection).map_err(|error| {
        refused(&format_args!(
            "its tables do not fit this version of beeline ({error}); use the version that wrote it, or a newer one"
        ))
    })?;
    // The files' names must survive a power cut as well as what is in them.
    File::open(folder_of(path)).and_then(|opened| opened.sync_all()).map_err(|error| refused(&error))?;
    Ok(connection)
}

/// The writing connection once more, to a database that is there and up to date. Never makes an empty one in its place.
pub(super) fn reopen_writer(path: &Path, ack: Ack) -> StoreResult<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    set_up_writer(&connection, ack)?;
    Ok(connection)
}

/// A connection that cannot write.
pub(super) fn open_reader(path: &Path) -> StoreResult<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -16384;")?;
    set_up(&connection)?;
    Ok(connection)
}

/// The log is copied into the database every 4,000 pages (16 MiB): large enough for pages that change again and again to be copied once,
/// small enough for a copy to take little time. A log that grew behind a slow reader is cut back to 64 MiB.
fn set_up_writer(connection: &Connection, ack: Ack) -> rusqlite::Result<()> {
    let synchronous = match ack {
        Ack::Strict => "FULL",
        Ack::Fast => "NORMAL",
    };
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = {synchronous};
         PRAGMA foreign_keys = ON;
         PRAGMA wal_autocheckpoint = 4000;
         PRAGMA journal_size_limit = 67108864;
         PRAGMA cache_size = -65536;
         PRAGMA temp_store = MEMORY;"
    ))?;
    set_up(connection)
}

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_millis(STORE_TIMEOUT_MS / 2))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(())
}
