//! The one thread that writes, and its group commit.
//!
//! It takes what waits, runs each job inside its own savepoint of one transaction, commits once and then answers each. A job that fails
//! takes back its own savepoint only. When the commit itself fails, the callers hear whether that is certain.

use super::queue::Ending;
use super::queue::Job;
use super::queue::Queue;
use crate::limits::STORE_GROUP_MAX;
use parking_lot::Mutex;
use rusqlite::Connection;
use rusqlite::ErrorCode;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

/// Fixes that share a commit at most, so that an order never waits for long behind them.
const GROUP_FIXES_MAX: usize = 4_096;

/// Told of every commit: how long its group took, from its first job to the disk, and how many jobs it held.
pub(super) type OnCommit = Box<dyn Fn(Duration, usize) + Send>;

/// The writing thread's things, but for its connection and the lock of the folder.
pub(super) struct Desk {
    pub(super) queue: Arc<Queue>,
    /// What went wrong with the latest commit.
    pub(super) trouble: Arc<Mutex<Option<String>>>,
    pub(super) on_commit: OnCommit,
}

/// The desk with a connection to write to.
struct Writer<'a> {
    connection: Connection,
    desk: &'a Desk,
}

impl Desk {
    /// Writes until the queue is closed and drained, then closes the database.
    pub(super) fn write(&self, connection: Connection) {
        let writer = Writer { connection, desk: self };
        loop {
            let group = self.queue.take(STORE_GROUP_MAX, GROUP_FIXES_MAX);
            if group.is_empty() {
                break;
            }
            writer.write(group);
        }
        // Leaves one tidy file behind; whatever fails here is done again when the folder is next opened.
        let _ = writer.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        let _ = writer.connection.close();
    }
}

impl Writer<'_> {
    fn write(&self, mut group: Vec<Box<dyn Job>>) {
        let started = Instant::now();
        let ending = self.commit(&mut group);
        *self.desk.trouble.lock() = match &ending {
            Ending::Committed => None,
            Ending::Undone(why) | Ending::Unknown(why) => Some(why.clone()),
        };
        if matches!(ending, Ending::Committed) {
            // A metric that panics must not cost the store its writer.
            let _ = catch_unwind(AssertUnwindSafe(|| (self.desk.on_commit)(started.elapsed(), group.len())));
        }
        for job in group {
            job.answer(ending.clone());
        }
    }

    fn commit(&self, group: &mut [Box<dyn Job>]) -> Ending {
        let done = self.execute("BEGIN IMMEDIATE").and_then(|()| self.run_jobs(group));
        if let Err(error) = done {
            self.undo();
            return Ending::Undone(error.to_string());
        }
        match self.execute("COMMIT") {
            Ok(()) => Ending::Committed,
            Err(error) => {
                self.undo();
                if surely_undone(&error) {
                    Ending::Undone(error.to_string())
                } else {
                    Ending::Unknown(error.to_string())
                }
            }
        }
    }

    /// Runs each job in its savepoint. An error here means that the transaction as a whole is lost.
    fn run_jobs(&self, group: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
        for job in group {
            self.execute("SAVEPOINT job")?;
            if !job.run(&self.connection) {
                // SQLite gives up the whole transaction by itself on a full disk and the like: then this fails, as it must.
                self.execute("ROLLBACK TO job")?;
            }
            self.execute("RELEASE job")?;
        }
        Ok(())
    }

    fn undo(&self) {
        if !self.connection.is_autocommit() {
            let _ = self.execute("ROLLBACK");
        }
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }
}

/// Whether a failed COMMIT has certainly written nothing: it was refused before it began to write.
fn surely_undone(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::ConstraintViolation))
}
