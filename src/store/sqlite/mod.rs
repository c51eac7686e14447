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
mod revocations;
mod rows;
mod threads;
mod waiting;
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
use super::circuit::Circuit;
use parking_lot::Mutex;
use queue::Call;
use queue::Queue;
use rusqlite::Connection;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;
use threads::Worker;
use waiting::CALL_TIMEOUT;
use waiting::heard;
use waiting::silent;
use waiting::within;
use writer::Desk;
use writer::OnCommit;

/// Threads that read.
const READERS: usize = 3;
/// A health check that takes longer finds the store unwell.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);

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
    write_circuit: Circuit,
    read_circuit: Circuit,
    trouble: Arc<Mutex<Option<String>>>,
    restarts: Arc<AtomicU64>,
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
            revocations: store.clone(),
            health: store,
        }
    }

    fn start(database: &Path, ack: Ack, on_commit: OnCommit) -> StoreResult<Self> {
        let folder_lock = files::lock(files::folder_of(database))?;
        let connection = files::open_writer(database, ack)?;
        let readers: Vec<Connection> =
            (0..READERS).map(|_| files::open_reader(database)).collect::<StoreResult<_>>()?;
        // From here on `store` closes the queues when it is dropped, so that no thread outlives a failed start.
        let store = Self {
            ack,
            writes: Arc::default(),
            reads: Arc::default(),
            write_circuit: Circuit::default(),
            read_circuit: Circuit::default(),
            trouble: Arc::default(),
            restarts: Arc::default(),
            threads: Mutex::default(),
        };
        for connection in readers {
            store.spawn_reader(database.to_owned(), connection)?;
        }
        store.spawn_writer(database.to_owned(), connection, on_commit, folder_lock)?;
        Ok(store)
    }

    fn spawn_reader(&self, database: PathBuf, connection: Connection) -> StoreResult<()> {
        let queue = Arc::clone(&self.reads);
        let worker = Worker {
            name: "store-reader",
            queue: Arc::clone(&queue),
            restarts: Arc::clone(&self.restarts),
            open: move || files::open_reader(&database),
            run: move |connection| reader::read(&connection, &queue),
        };
        self.spawn(worker.name, move || worker.work(connection))
    }

    /// The lock of the folder is held for as long as the thread may write.
    fn spawn_writer(
        &self,
        database: PathBuf,
        connection: Connection,
        on_commit: OnCommit,
        folder_lock: File,
    ) -> StoreResult<()> {
        let (ack, queue) = (self.ack, Arc::clone(&self.writes));
        let desk = Desk { queue: Arc::clone(&queue), trouble: Arc::clone(&self.trouble), on_commit };
        let worker = Worker {
            name: "store-writer",
            queue,
            restarts: Arc::clone(&self.restarts),
            open: move || files::reopen_writer(&database, ack),
            run: move |connection| desk.write(connection),
        };
        self.spawn(worker.name, move || {
            worker.work(connection);
            drop(folder_lock);
        })
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
            self.write_circuit.admit()?;
            let (call, answer) = Call::new(work);
            self.writes.push(call)?;
            heard(answer, &self.write_circuit, StoreError::MaybeApplied).await
        })
    }

    /// The same for a batch of `rows` fixes, which gives way to everything else.
    fn write_bulk<T: Send + 'static>(
        &self,
        rows: usize,
        work: impl FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        Box::pin(async move {
            self.write_circuit.admit()?;
            let (call, answer) = Call::new(work);
            self.writes.push_bulk(call, rows)?;
            heard(answer, &self.write_circuit, StoreError::MaybeApplied).await
        })
    }

    /// Runs `work` on a snapshot of what is committed.
    fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        Box::pin(async move {
            self.read_circuit.admit()?;
            let (call, answer) = Call::new(work);
            self.reads.push(call)?;
            heard(answer, &self.read_circuit, StoreError::Aborted).await
        })
    }

    /// The same for a page of a track, which gives way to everything else.
    fn read_bulk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        Box::pin(async move {
            self.read_circuit.admit()?;
            let (call, answer) = Call::new(work);
            self.reads.push_bulk(call, 1)?;
            heard(answer, &self.read_circuit, StoreError::Aborted).await
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
        within(HEALTH_TIMEOUT, read_answer, StoreError::Aborted).await.unwrap_or_else(silent)?;
        self.read_circuit.looked_well();
        within(HEALTH_TIMEOUT, written_answer, StoreError::MaybeApplied).await.unwrap_or_else(silent)?;
        self.write_circuit.looked_well();
        Ok(())
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
                reads: self.read_circuit.state(),
                writes: self.write_circuit.state(),
                restarts: self.restarts.load(Ordering::Relaxed),
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
