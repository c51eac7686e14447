//! The store's threads: each runs until its queue is closed and drained, and begins again with a new connection after a panic.
//!
//! That is sound because a connection takes nothing with it: what it had begun is rolled back as it closes, and the callers
//! whose jobs were in hand hear that nobody knows (a write) or that it was not done (a read). What waits in the queue goes to
//! the new connection. A job that panics does not come this far: see [`super::queue::Call`].

use super::queue::Abandon;
use super::queue::Queue;
use crate::store::StoreResult;
use rusqlite::Connection;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Pause before a thread that panicked goes on, and between two tries to open the database.
const PAUSE: Duration = Duration::from_millis(200);

/// What a store thread is made of.
pub(super) struct Worker<Open, Run> {
    /// As the thread is called.
    pub(super) name: &'static str,
    /// Where its jobs come from.
    pub(super) queue: Arc<Queue>,
    /// Counts every new beginning.
    pub(super) restarts: Arc<AtomicU64>,
    /// Opens the database anew.
    pub(super) open: Open,
    /// Does jobs until the queue is closed and drained.
    pub(super) run: Run,
}

impl<Open, Run> Worker<Open, Run>
where
    Open: Fn() -> StoreResult<Connection>,
    Run: Fn(Connection),
{
    /// Runs to the end of the queue.
    pub(super) fn work(self, first: Connection) {
        let _abandon = Abandon(Arc::clone(&self.queue));
        let mut next = Some(first);
        while let Some(connection) = next.take() {
            if catch_unwind(AssertUnwindSafe(|| (self.run)(connection))).is_ok() {
                return;
            }
            self.restarts.fetch_add(1, Ordering::Relaxed);
            tracing::error!(thread = self.name, "a store thread panicked; it goes on with a new connection");
            next = self.reopen();
        }
    }

    /// None when the queue is closed meanwhile.
    fn reopen(&self) -> Option<Connection> {
        while self.queue.pause(PAUSE) {
            match (self.open)() {
                Ok(connection) => return Some(connection),
                Err(error) => tracing::error!(thread = self.name, %error, "the database does not open again"),
            }
        }
        None
    }
}
