//! The recorder: gathers fixes while one batch is being written and writes them as the next one.
//!
//! Batches grow with the load by themselves: an idle node writes a fix at once, a busy one hundreds in one commit, and no more than a hundred commits a
//! second, since each costs a flush of the disk whatever its size. A batch that fails is tried
//! again with growing, jittered pauses; until it is stored nothing in it is acknowledged, and what waits is bounded.

use crate::actors::driver::DriverActor;
use crate::actors::driver::FixesStored;
use crate::actors::mailbox::tell;
use crate::actors::world::World;
use crate::limits::MAILBOX_MAX;
use crate::store::FixRow;
use actix::Actor;
use actix::Addr;
use actix::AsyncContext;
use actix::Context;
use actix::Handler;
use actix::Message;
use actix::fut::ActorFutureExt;
use actix::fut::wrap_future;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

/// Fixes of one commit at most.
const BATCH_MAX: usize = 2_000;
/// Time between the beginnings of two commits, unless enough waits to fill one. It is what an acknowledgement may be late by.
const COMMIT_EVERY: Duration = Duration::from_millis(10);
/// Fixes on their way through the recorder at most; then drivers keep theirs, each a bounded number.
const WAITING_MAX: usize = 50_000;
/// Pause before a driver whose mailbox was full is told again.
const TELL_RETRY: Duration = Duration::from_millis(50);
/// First pause after a batch failed, in milliseconds; doubles up to the last.
const RETRY_FIRST_MS: u64 = 50;
/// Longest pause between two tries, in milliseconds.
const RETRY_LAST_MS: u64 = 2_000;

/// How much is on its way through the recorder, shared with everybody who has something for it.
///
/// The bound is held by the senders: a recorder that stopped reading its mailbox would hear nothing of its own writes either.
#[derive(Default)]
pub struct Load {
    rows: AtomicUsize,
}

impl Load {
    /// Makes room for that many rows; none when too many are on their way.
    #[must_use]
    pub fn take(self: &Arc<Self>, rows: usize) -> Option<Room> {
        let taken = self.rows.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| {
            (now < WAITING_MAX).then(|| now.saturating_add(rows))
        });
        taken.ok().map(|_| Room { load: Arc::clone(self), rows })
    }

    /// Rows on their way.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows.load(Ordering::Relaxed)
    }
}

/// Room for rows on their way; given back when it is dropped, whether they were stored or their recorder died.
pub struct Room {
    load: Arc<Load>,
    rows: usize,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.load.rows.fetch_sub(self.rows, Ordering::Relaxed);
    }
}

/// From a driver: store these. Answered by [`FixesStored`]. Never lost while the recorder lives; a driver whose message does not fit keeps it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RecordFixes {
    /// What to store.
    pub rows: Vec<FixRow>,
    /// Who is told.
    pub driver: Addr<DriverActor>,
    /// The driver's number for it, growing.
    pub record: u64,
    /// What it takes up.
    pub room: Room,
}

struct Receipt {
    driver: Addr<DriverActor>,
    record: u64,
    /// Held until the fixes are stored and their driver told.
    _room: Room,
}

/// See the module.
pub struct Recorder {
    world: Arc<World>,
    rows: Vec<FixRow>,
    receipts: Vec<Receipt>,
    writing: bool,
    began: Option<Instant>,
    timed: bool,
}

impl Recorder {
    /// A recorder with nothing to do.
    pub fn new(world: Arc<World>, ctx: &mut Context<Self>) -> Self {
        ctx.set_mailbox_capacity(MAILBOX_MAX * 16);
        Self { world, rows: Vec::new(), receipts: Vec::new(), writing: false, began: None, timed: false }
    }

    fn write_next(&mut self, ctx: &mut Context<Self>) {
        if self.writing || self.receipts.is_empty() {
            return;
        }
        let early = self.began.and_then(|began| COMMIT_EVERY.checked_sub(began.elapsed()));
        if let Some(wait) = early.filter(|wait| !wait.is_zero() && self.rows.len() < BATCH_MAX) {
            if !std::mem::replace(&mut self.timed, true) {
                ctx.run_later(wait, |recorder, ctx| {
                    recorder.timed = false;
                    recorder.write_next(ctx);
                });
            }
            return;
        }
        self.writing = true;
        self.began = Some(Instant::now());
        let rows = std::mem::take(&mut self.rows);
        let receipts = std::mem::take(&mut self.receipts);
        let world = self.world.clone();
        let work = async move { store_all(&world, rows).await };
        let done = wrap_future::<_, Self>(work).map(move |(), recorder, ctx| {
            recorder.tell_stored(receipts, ctx);
            recorder.writing = false;
            recorder.write_next(ctx);
        });
        ctx.spawn(done);
    }

    /// Tells drivers what is stored. One whose mailbox is full is told again: it may have nothing more to record, and waits for this word.
    fn tell_stored(&mut self, mut receipts: Vec<Receipt>, ctx: &mut Context<Self>) {
        receipts.retain(|receipt| {
            let told = tell(&receipt.driver, FixesStored { record: receipt.record });
            !told && receipt.driver.connected()
        });
        if !receipts.is_empty() {
            ctx.run_later(TELL_RETRY, |recorder, ctx| recorder.tell_stored(receipts, ctx));
        }
    }
}

/// Writes until it is written. The caller's bounds hold meanwhile: drivers stop sending when nothing is acknowledged.
async fn store_all(world: &World, mut rows: Vec<FixRow>) {
    while !rows.is_empty() {
        let rest = rows.split_off(rows.len().min(BATCH_MAX));
        let mut pause_ms = RETRY_FIRST_MS;
        while let Err(error) = world.store.fixes.fixes_append(rows.clone()).await {
            tracing::warn!(%error, rows = rows.len(), pause_ms, "fixes not stored, trying again");
            let jittered_ms = rand::random_range(pause_ms / 2..=pause_ms);
            tokio::time::sleep(Duration::from_millis(jittered_ms)).await;
            pause_ms = (pause_ms * 2).min(RETRY_LAST_MS);
        }
        rows = rest;
    }
}

impl Actor for Recorder {
    type Context = Context<Self>;
}

impl Handler<RecordFixes> for Recorder {
    type Result = ();

    fn handle(&mut self, message: RecordFixes, ctx: &mut Context<Self>) {
        self.rows.extend(message.rows);
        self.receipts.push(Receipt { driver: message.driver, record: message.record, _room: message.room });
        self.write_next(ctx);
    }
}
