//! The threads that read: each with its own read-only connection, all on one queue. They see what is committed.

use super::queue::Ending;
use super::queue::Queue;
use rusqlite::Connection;

/// Does reads until the queue is closed and drained. Each job sees one snapshot.
pub(super) fn read(connection: &Connection, queue: &Queue) {
    loop {
        let jobs = queue.take(1, 0);
        if jobs.is_empty() {
            break;
        }
        for mut job in jobs {
            let ending = match execute(connection, "BEGIN") {
                Ok(()) => {
                    job.run(connection);
                    Ending::Committed
                }
                Err(error) => Ending::Undone(error.to_string()),
            };
            // A read has nothing to lose: this only lets go of the snapshot.
            let _ = execute(connection, "ROLLBACK");
            job.answer(ending);
        }
    }
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}
