//! What waits for a store thread: two bounded lanes, so that fixes never stand in front of orders, nor pages of a track.
//!
//! A full lane refuses at once. A closed queue refuses new jobs and hands out what still waits.

use crate::limits::STORE_QUEUE_MAX;
use crate::store::StoreError;
use crate::store::StoreResult;
use parking_lot::Condvar;
use parking_lot::Mutex;
use rusqlite::Connection;
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::time::Duration;
use tokio::sync::oneshot;

/// Fixes that may wait for the writer, over all their batches; about 20 MB.
const FIXES_WAITING_MAX: usize = 131_072;

/// What became of the transaction that a job ran in.
#[derive(Debug, Clone)]
pub(super) enum Ending {
    /// It is on disk.
    Committed,
    /// Nothing of it was written.
    Undone(String),
    /// Nobody knows.
    Unknown(String),
}

/// One piece of work for a store thread.
pub(super) trait Job: Send {
    /// Does it; `false` when it failed and must be rolled back. A panic is a failure.
    fn run(&mut self, connection: &Connection) -> bool;
    /// Tells the caller.
    fn answer(self: Box<Self>, ending: Ending);
}

/// A job made of a closure and the place where its caller waits.
pub(super) struct Call<T, F> {
    work: Option<F>,
    result: Option<StoreResult<T>>,
    reply: oneshot::Sender<StoreResult<T>>,
}

impl<T, F> Call<T, F>
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
{
    /// Wraps a closure.
    pub(super) fn new(work: F) -> (Box<Self>, oneshot::Receiver<StoreResult<T>>) {
        let (reply, answer) = oneshot::channel();
        (Box::new(Self { work: Some(work), result: None, reply }), answer)
    }
}

impl<T, F> Job for Call<T, F>
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
{
    fn run(&mut self, connection: &Connection) -> bool {
        let Some(work) = self.work.take() else { return false };
        // What the closure owned dies with it and the connection is rolled back, so nothing broken is seen afterwards.
        let result = catch_unwind(AssertUnwindSafe(|| work(connection)))
            .unwrap_or_else(|_| Err(StoreError::Aborted("a store job panicked".to_owned())));
        self.result.insert(result).is_ok()
    }

    fn answer(self: Box<Self>, ending: Ending) {
        let result = match (ending, self.result) {
            (Ending::Committed, Some(result)) => result,
            (Ending::Committed, None) => Err(StoreError::Aborted("the store did not run this".to_owned())),
            (Ending::Unknown(why), Some(Ok(_))) => Err(StoreError::MaybeApplied(why)),
            // What a job saw in a transaction that did not come to be, a conflict included, is no answer.
            (Ending::Undone(why) | Ending::Unknown(why), _) => Err(StoreError::Aborted(why)),
        };
        // The caller may have given up.
        let _ = self.reply.send(result);
    }
}

/// A batch of fixes and how many it holds.
struct Bulk {
    job: Box<dyn Job>,
    rows: usize,
}

#[derive(Default)]
struct Lanes {
    urgent: VecDeque<Box<dyn Job>>,
    bulk: VecDeque<Bulk>,
    bulk_rows: usize,
    closed: bool,
}

/// Jobs between callers and a store thread.
#[derive(Default)]
pub(super) struct Queue {
    lanes: Mutex<Lanes>,
    filled: Condvar,
    /// Apart from `filled`: whoever only waits for the end must not take a wake-up from a thread that waits for work.
    ended: Condvar,
}

impl Queue {
    /// Adds a job that somebody waits for.
    pub(super) fn push(&self, job: Box<dyn Job>) -> StoreResult<()> {
        let mut lanes = self.lanes.lock();
        lanes.check_open()?;
        if lanes.urgent.len() >= STORE_QUEUE_MAX {
            return Err(StoreError::Busy);
        }
        lanes.urgent.push_back(job);
        self.filled.notify_one();
        Ok(())
    }

    /// Adds a batch of `rows` fixes, or the reading of a track, which gives way to everything else.
    pub(super) fn push_bulk(&self, job: Box<dyn Job>, rows: usize) -> StoreResult<()> {
        let mut lanes = self.lanes.lock();
        lanes.check_open()?;
        let too_many_rows = lanes.bulk_rows + rows > FIXES_WAITING_MAX && !lanes.bulk.is_empty();
        if lanes.bulk.len() >= STORE_QUEUE_MAX || too_many_rows {
            return Err(StoreError::Busy);
        }
        lanes.bulk_rows += rows;
        lanes.bulk.push_back(Bulk { job, rows });
        self.filled.notify_one();
        Ok(())
    }

    /// Waits for work and takes up to `jobs_max` jobs, the urgent ones first; of fixes at least one batch where one waits, and more until
    /// `rows_max`. Empty only once the queue is closed and drained.
    pub(super) fn take(&self, jobs_max: usize, rows_max: usize) -> Vec<Box<dyn Job>> {
        let mut lanes = self.lanes.lock();
        while lanes.urgent.is_empty() && lanes.bulk.is_empty() && !lanes.closed {
            self.filled.wait(&mut lanes);
        }
        let urgent = lanes.urgent.len().min(jobs_max);
        let mut group: Vec<_> = lanes.urgent.drain(..urgent).collect();
        let mut rows = 0;
        while rows == 0 || (rows < rows_max && group.len() < jobs_max) {
            let Some(bulk) = lanes.bulk.pop_front() else { break };
            lanes.bulk_rows -= bulk.rows;
            rows += bulk.rows.max(1);
            group.push(bulk.job);
        }
        group
    }

    /// Refuses what comes from now on.
    pub(super) fn close(&self) {
        self.lanes.lock().closed = true;
        self.filled.notify_all();
        self.ended.notify_all();
    }

    /// Waits for this long; `false`, and at once, when the queue is closed.
    pub(super) fn pause(&self, time: Duration) -> bool {
        let mut lanes = self.lanes.lock();
        self.ended.wait_while_for(&mut lanes, |lanes| !lanes.closed, time);
        !lanes.closed
    }

    /// Jobs waiting.
    pub(super) fn len(&self) -> usize {
        let lanes = self.lanes.lock();
        lanes.urgent.len() + lanes.bulk.len()
    }

    /// Drops all that waits, whose callers then hear that nobody answers any more.
    pub(super) fn abandon(&self) {
        self.close();
        let mut lanes = self.lanes.lock();
        let left = (std::mem::take(&mut lanes.urgent), std::mem::take(&mut lanes.bulk));
        lanes.bulk_rows = 0;
        drop(lanes);
        drop(left);
    }
}

impl Lanes {
    fn check_open(&self) -> StoreResult<()> {
        if self.closed { Err(StoreError::Aborted("the store is closed".to_owned())) } else { Ok(()) }
    }
}

/// Held by a store thread: when it ends, however it ends, nobody may wait for it.
pub(super) struct Abandon(pub(super) std::sync::Arc<Queue>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
