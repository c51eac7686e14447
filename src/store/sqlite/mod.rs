//! The embedded store: SQLite in one folder, held by one process.
//!
//! One thread writes with group commit, a few read, each on its own connection. Callers wait on a channel with a deadline and never touch
//! the database themselves. Knows nothing of actors or HTTP.

mod assignments;
mod bodies;
mod commit;
mod drivers;
mod feed;
mod files;
mod fixes;
mod keys;
mod offers;
mod orders;
mod queue;
mod reader;
mod rows;
mod words;
mod writer;

#[cfg(test)]
mod tests;

use super::HealthStore;
use super::Store;
use super::StoreError;
use super::StoreFuture;
use super::StoreHealth;
use super::StoreResult;
use crate::limits::STORE_TIMEOUT_MS;
use parking_lot::Mutex;
use queue::Call;
use queue::Queue;
use reader::Reader;
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;
use writer::OnCommit;
use writer::Writer;

/// Threads that read.
const READERS: usize = 3;
/// A health check that takes longer finds the store unwell.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest wait of any other call.
const CALL_TIMEOUT: Duration = Duration::from_millis(STORE_TIMEOUT_MS);

/// What an answered write means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ack {
    /// It is fsynced: it survives a power cut.
    Strict,
    /// The operating system has it: it survives a crash of Beeline, not one of the machine.
    Fast,
}

/// The embedded store, behind all of the traits.
pub struct SqliteStore {
    ack: Ack,
    writes: Arc<Queue>,
    reads: Arc<Queue>,
    trouble: Arc<Mutex<Option<String>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl SqliteStore {
    /// Opens the store in the file `database`, making it and its folder where they are not there, and brings its tables up to date.
    /// Takes the folder for this process. Blocks; call it before serving.
    ///
    /// `on_commit` hears of every commit on the writing thread: how long its group took and how many jobs shared it. Errors are
    /// [`StoreError::Aborted`] with a text for the person who started the program.
    pub fn open(database: &Path, ack: Ack, on_commit: impl Fn(Duration, usize) + Send + 'static) -> StoreResult<Store> {
        let store = Arc::new(Self::start(database, ack, Box::new(on_commit))?);
        Ok(Self::behind_traits(store))
    }

    fn behind_traits(store: Arc<Self>) -> Store {
        Store {
            orders: store.clone(),
            drivers: store.clone(),
            feed: store.clone(),
            fixes: store.clone(),
            health: store,
        }
    }

    fn start(database: &Path, ack: Ack, on_commit: OnCommit) -> StoreResult<Self> {
        let folder_lock = files::lock(files::folder_of(database))?;
        let connection = files::open_writer(database, ack)?;
        let writes = Arc::new(Queue::default());
        let reads = Arc::new(Queue::default());
        let trouble = Arc::new(Mutex::new(None));
        let readers: Vec<Connection> =
            (0..READERS).map(|_| files::open_reader(database)).collect::<StoreResult<_>>()?;
        let writer =
            Writer { connection, queue: Arc::clone(&writes), trouble: Arc::clone(&trouble), on_commit, folder_lock };
        // From here on `store` closes the queues when it is dropped, so that no thread outlives a failed start.
        let store = Self { ack, writes, reads, trouble, threads: Mutex::default() };
        for connection in readers {
            let reader = Reader { connection, queue: Arc::clone(&store.reads) };
            store.spawn("store-reader", move || reader.run())?;
        }
        store.spawn("store-writer", move || writer.run())?;
        Ok(store)
    }

    fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) -> StoreResult<()> {
        let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(run);
        let thread =
            spawned.map_err(|error| StoreError::Aborted(format!("cannot start the {name} thread: {error}")))?;
        self.threads.lock().push(thread);
        Ok(())
    }

    /// Runs `work` in a savepoint of the writer's next transaction.
    fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        Box::pin(async move {
            let (call, answer) = Call::new(work);
            self.writes.push(call)?;
            written(answer, CALL_TIMEOUT).await
        })
    }

    /// The same for a batch of `rows` fixes, which gives way to everything else.
    fn write_bulk<T: Send + 'static>(
        &self,
        rows: usize,
        work: impl FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        Box::pin(async move {
            let (call, answer) = Call::new(work);
            self.writes.push_bulk(call, rows)?;
            written(answer, CALL_TIMEOUT).await
        })
    }

    /// Runs `work` on a snapshot of what is committed.
    fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        Box::pin(async move {
            let (call, answer) = Call::new(work);
            self.reads.push(call)?;
            found(answer, CALL_TIMEOUT).await
        })
    }

    async fn probe(&self) -> StoreResult<()> {
        let (write, written_answer) = Call::new(|connection| {
            connection.prepare_cached("UPDATE probe SET runs = runs + 1")?.execute([])?;
            Ok(())
        });
        let (read, read_answer) =
            Call::new(|connection| Ok(connection.query_row("SELECT count(*) FROM probe", [], |_| Ok(()))?));
        self.writes.push(write)?;
        self.reads.push(read)?;
        found(read_answer, HEALTH_TIMEOUT).await?;
        written(written_answer, HEALTH_TIMEOUT).await
    }

    /// Waits until every thread has drained its queue and ended.
    async fn join(&self) -> StoreResult<()> {
        let threads = std::mem::take(&mut *self.threads.lock());
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                // A thread that panicked has ended too; its callers were told.
                let _ = thread.join();
            }
        });
        match tokio::time::timeout(CALL_TIMEOUT, joined).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(StoreError::MaybeApplied(error.to_string())),
            Err(_) => Err(StoreError::MaybeApplied("the store is still writing".to_owned())),
        }
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.reads.close();
        self.writes.close();
    }
}

/// Waits for the answer to a write. Without one, only a later look can tell whether it was made.
async fn written<T>(answer: oneshot::Receiver<StoreResult<T>>, timeout: Duration) -> StoreResult<T> {
    match tokio::time::timeout(timeout, answer).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(StoreError::MaybeApplied("the store's writer has died".to_owned())),
        Err(_) => Err(StoreError::MaybeApplied("the store did not answer in time".to_owned())),
    }
}

/// Waits for the answer to a read, which may always be asked again.
async fn found<T>(answer: oneshot::Receiver<StoreResult<T>>, timeout: Duration) -> StoreResult<T> {
    match tokio::time::timeout(timeout, answer).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(StoreError::Aborted("the store's reader has died".to_owned())),
        Err(_) => Err(StoreError::Aborted("the store did not answer in time".to_owned())),
    }
}

impl HealthStore for SqliteStore {
    fn health(&self) -> StoreFuture<'_, StoreHealth> {
        Box::pin(async move {
            if self.threads.lock().is_empty() {
                return Err(StoreError::Aborted("the store is closed".to_owned()));
            }
            let probed = self.probe().await;
            let detail = probed.err().map(|error| error.to_string()).or_else(|| self.trouble.lock().clone());
            Ok(StoreHealth {
                ok: detail.is_none(),
                kind: "sqlite",
                durability: match self.ack {
                    Ack::Strict => "fsync",
                    Ack::Fast => "os-buffer",
                },
                queued: self.writes.len(),
                detail,
            })
        })
    }

    fn close(&self) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            self.reads.close();
            self.writes.close();
            self.join().await
        })
    }
}

impl From<rusqlite::Error> for StoreError {
    /// A failed statement: its job is rolled back, so nothing was written.
    fn from(error: rusqlite::Error) -> Self {
        Self::Aborted(error.to_string())
    }
}
