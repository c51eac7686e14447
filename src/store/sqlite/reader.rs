//! The threads that read: each with its own read-only connection, all on one queue. They see what is committed.

use super::queue::Abandon;
use super::queue::Ending;
use super::queue::Queue;
use rusqlite::Connection;
use std::sync::Arc;

/// A reading thread's things.
pub(super) struct Reader {
    pub(super) connection: Connection,
    pub(super) queue: Arc<Queue>,
}

impl Reader {
    /// Runs until the queue is closed and drained. Each job sees one snapshot.
    pub(super) fn run(self) {
        let _abandon = Abandon(Arc::clone(&self.queue));
        loop {
            let jobs = self.queue.take(1, 0);
            if jobs.is_empty() {
                break;
            }
            for mut job in jobs {
                let ending = match self.execute("BEGIN") {
                    Ok(()) => {
                        job.run(&self.connection);
                        Ending::Committed
                    }
                    Err(error) => Ending::Undone(error.to_string()),
                };
                // A read has nothing to lose: this only lets go of the snapshot.
                let _ = self.execute("ROLLBACK");
                job.answer(ending);
            }
        }
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }
}
