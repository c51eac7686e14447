//! How a driver actor takes in fixes: judge, limit, record, publish, acknowledge.

use super::DriverActor;
use super::FixesStored;
use super::Held;
use super::ReportFix;
use super::ReportFixes;
use super::Reported;
use super::messages::TooMuch;
use super::messages::Verdict as Told;
use crate::actors::cell::DriverLeft;
use crate::actors::cell::DriverTouched;
use crate::actors::cell::FixArrived;
use crate::actors::live::LiveDriver;
use crate::actors::mailbox::tell;
use crate::actors::recorder::RecordFixes;
use crate::clock;
use crate::domain::fix::Fix;
use crate::domain::fix::Flag;
use crate::domain::fix::Refusal;
use crate::domain::fix::Verdict;
use crate::domain::time::Millis;
use crate::limits::ACK_INTERVAL_MS;
use crate::protocol::fix::Unreadable;
use crate::protocol::outbound::FixNotice;
use crate::protocol::outbound::encode;
use crate::store::FixRow;
use actix::ActorContext;
use actix::AsyncContext;
use actix::Context;
use actix::Handler;
use actix::ResponseFuture;
use actix::dev::SendError;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;
use tokio::sync::oneshot;

/// Pause before a record that did not fit into the recorder's mailbox is sent again.
const RECORD_RETRY: Duration = Duration::from_millis(50);
/// Fixes of one driver that may wait for the store, here and in the recorder.
const BACKLOG_MAX: usize = 4_096;
/// A `seq` made of Unix milliseconds may be this far ahead, as a timestamp may.
const SEQ_AHEAD_MS: i64 = 30_000;
/// Notices waiting in the outbox above which repeated fixes are acknowledged without a notice each.
const NOTICES_MANY: usize = 128;

/// What became of one fix.
enum Taken {
    Refused(Refusal),
    Flagged(Flag),
    Stored,
    /// Stored as part of a batch, and newer than all before it: live if none follows.
    Newest(Arc<Fix>),
    Held,
    /// It came before, and waits for the store.
    OnItsWay,
}

impl DriverActor {
    /// Judges one fix and does what follows.
    fn take(
        &mut self,
        fix: Result<Fix, Unreadable>,
        batched: bool,
        read_at: Instant,
        ctx: &mut Context<Self>,
    ) -> Taken {
        let now = clock::now();
        self.heard_at = now;
        self.world.metrics.fixes_received.inc();
        let fix = match fix {
            Ok(fix) => fix,
            Err(unreadable) => return self.refuse(unreadable.seq, unreadable.refusal),
        };
        match self.gate.judge(&fix, now, batched, self.world.tuning.gone_ms) {
            Verdict::Refused(refusal) => self.refuse(fix.seq, refusal),
            Verdict::Flagged(flag) => {
                self.world.metrics.fix_flagged(flag.into());
                self.record(&fix, Some(flag), now);
                Taken::Flagged(flag)
            }
            Verdict::Accepted { live: false } => {
                self.record(&fix, None, now);
                Taken::Stored
            }
            Verdict::Accepted { live: true } if batched => {
                self.record(&fix, None, now);
                Taken::Newest(Arc::new(fix))
            }
            Verdict::Accepted { live: true } => {
                self.limit(Held { fix: Arc::new(fix), read_at, stored: false }, now, ctx)
            }
        }
    }

    /// Counts a refusal. One that came before and is on its way to the store is acknowledged once it is there; to say `rejected` would settle it
    /// too early.
    fn refuse(&mut self, seq: Option<i64>, refusal: Refusal) -> Taken {
        self.world.metrics.fix_refused(refusal.into());
        if let (Some(seq), Refusal::Duplicate) = (seq, refusal) {
            if self.ledger.is_open(seq) {
                return Taken::OnItsWay;
            }
            self.ledger.repeated();
        }
        Taken::Refused(refusal)
    }

    /// What was refused, and told so, is settled too. A `seq` ahead of the clock is left out: it comes from a phone whose clock is wrong, and
    /// its later, lower ones must not count as settled with it.
    fn settle_refused(&mut self, seq: Option<i64>, refusal: Refusal) {
        let latest = clock::now().0.saturating_add(SEQ_AHEAD_MS);
        if let Some(seq) = seq.filter(|seq| refusal != Refusal::Duplicate && (0..=latest).contains(seq)) {
            self.ledger.refused(seq);
        }
    }

    /// Publishes a live fix if the rate allows, otherwise keeps it in place of an older one.
    fn limit(&mut self, fresh: Held, now: Millis, ctx: &mut Context<Self>) -> Taken {
        let (interval_ms, burst) = (self.world.tuning.fix_interval_ms, self.world.tuning.fix_burst);
        let waits = self.held.is_some();
        let allowed = if waits { None } else { self.bucket.take(now, interval_ms, burst).err() };
        if !waits && allowed.is_none() {
            self.go_live(fresh, now);
            return Taken::Stored;
        }
        if let Some(older) = self.held.take() {
            self.give_way(&older);
        }
        if !fresh.stored
            && let Some(seq) = fresh.fix.seq
        {
            self.ledger.held(seq);
        }
        self.held = Some(fresh);
        if let Some(due) = allowed {
            self.release_at(due, now, ctx);
        }
        Taken::Held
    }

    fn give_way(&mut self, older: &Held) {
        if older.stored {
            return;
        }
        self.world.metrics.fixes_conflated.inc();
        if let Some(seq) = older.fix.seq {
            self.ledger.conflated(seq);
        }
    }

    fn release_at(&mut self, due: Millis, now: Millis, ctx: &mut Context<Self>) {
        let wait_ms = u64::try_from(due.since(now)).unwrap_or(0);
        ctx.run_later(Duration::from_millis(wait_ms), |actor, ctx| actor.release(ctx));
    }

    /// The kept fix's turn has come.
    fn release(&mut self, ctx: &mut Context<Self>) {
        let now = clock::now();
        let (interval_ms, burst) = (self.world.tuning.fix_interval_ms, self.world.tuning.fix_burst);
        if self.held.is_none() {
            return;
        }
        match self.bucket.take(now, interval_ms, burst) {
            Err(due) => self.release_at(due, now, ctx),
            Ok(()) => {
                if let Some(held) = self.held.take() {
                    // What the rate holds back is not late.
                    self.go_live(Held { read_at: Instant::now(), ..held }, now);
                    self.flush(ctx);
                }
            }
        }
    }

    fn go_live(&mut self, held: Held, now: Millis) {
        if !held.stored {
            self.record(&held.fix, None, now);
        }
        self.publish(held.fix, held.read_at);
    }

    /// Makes a fix the live one and tells the cell; a driver who crossed a border leaves the old cell.
    pub(super) fn publish(&mut self, fix: Arc<Fix>, read_at: Instant) {
        let cell = self.world.cell_at(fix.position);
        self.live = Some(fix.clone());
        // The index first: whoever looks for this driver from now on finds the new cell.
        let live = LiveDriver { fix: fix.clone(), cell, status: self.status(), standing: self.standing.clone() };
        let left = self.world.live.put(&self.driver_id, live);
        if let Ok(addr) = self.world.cell(cell) {
            // A full mailbox drops this position: the next one is newer.
            tell(&addr, FixArrived { driver_id: self.driver_id.clone(), fix, read_at });
        }
        if let Some(old) = left.and_then(|cell| self.world.directory.cell(cell)) {
            tell(&old, DriverLeft { driver_id: self.driver_id.clone() });
        }
    }

    /// Tells the cell that something about this driver other than the position changed.
    pub(super) fn touch_cell(&self) {
        let Some(fix) = &self.live else { return };
        if let Some(addr) = self.world.directory.cell(self.world.cell_at(fix.position)) {
            tell(&addr, DriverTouched { driver_id: self.driver_id.clone() });
        }
    }

    /// Puts a fix on the way to the store.
    fn record(&mut self, fix: &Fix, flag: Option<Flag>, now: Millis) {
        if let Some(seq) = fix.seq {
            self.ledger.recording(seq, self.record + 1);
        }
        self.backlog.push(FixRow { driver_id: self.driver_id.clone(), fix: fix.clone(), flag, received_at: now });
    }

    /// Sends what waits to the recorder as one record.
    fn flush(&mut self, ctx: &mut Context<Self>) {
        let is_dead = self.recorder.as_ref().is_some_and(|known| !known.connected());
        if is_dead && !self.on_way.is_empty() {
            self.give_up(ctx);
            return;
        }
        let count = self.backlog.len();
        if count == 0 || self.flush_due {
            return;
        }
        let (Ok(recorder), Some(room)) = (self.world.recorder(), self.world.recorder_load.take(count)) else {
            self.flush_later(ctx);
            return;
        };
        let is_new = self.recorder.as_ref().is_some_and(|known| *known != recorder);
        if is_new && !self.on_way.is_empty() {
            self.give_up(ctx);
            return;
        }
        let rows = std::mem::take(&mut self.backlog);
        let message = RecordFixes { rows, driver: ctx.address(), record: self.record + 1, room };
        match recorder.try_send(message) {
            Ok(()) => {
                self.record += 1;
                self.on_way.push_back((self.record, count));
            }
            Err(SendError::Full(message) | SendError::Closed(message)) => {
                self.backlog = message.rows;
                self.flush_later(ctx);
            }
        }
        self.recorder = Some(recorder);
    }

    /// A recorder died with records of ours; word of later ones must not be taken for word of them. The device sends them again, to another actor.
    fn give_up(&mut self, ctx: &mut Context<Self>) {
        tracing::warn!(driver.id = %self.driver_id, records = self.on_way.len(), "a recorder died with fixes of this driver");
        ctx.stop();
    }

    fn flush_later(&mut self, ctx: &mut Context<Self>) {
        self.flush_due = true;
        ctx.run_later(RECORD_RETRY, |actor, ctx| {
            actor.flush_due = false;
            actor.flush(ctx);
        });
    }

    /// Sends an acknowledgement now, or as soon as the last one is old enough.
    fn acknowledge(&mut self, ctx: &mut Context<Self>) {
        if self.ack_due {
            return;
        }
        let now = clock::now();
        let wait_ms = ACK_INTERVAL_MS - now.since(self.acked_at);
        if wait_ms <= 0 {
            self.send_ack(now);
            return;
        }
        self.ack_due = true;
        let wait = Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0));
        ctx.run_later(wait, |actor, _| {
            actor.ack_due = false;
            actor.send_ack(clock::now());
        });
    }

    fn send_ack(&mut self, now: Millis) {
        let Some(link) = &self.link else { return };
        if let Some(ack) = self.ledger.take_ack() {
            self.acked_at = now;
            link.outbox.ack(ack.up_to, &ack.conflated);
        }
    }

    fn is_full(&self) -> bool {
        let on_way: usize = self.on_way.iter().map(|(_, rows)| rows).sum();
        self.ledger.is_full() || self.backlog.len() + on_way >= BACKLOG_MAX
    }

    fn notify(&self, kind: &'static str, seq: Option<i64>, code: &'static str) {
        self.send(encode(&FixNotice { kind, seq, code }));
    }

    fn notices_waiting(&self) -> usize {
        self.link.as_ref().map_or(0, |link| link.outbox.state().events)
    }
}

impl Handler<ReportFix> for DriverActor {
    type Result = ();

    fn handle(&mut self, message: ReportFix, ctx: &mut Context<Self>) {
        if self.link.as_ref().is_none_or(|link| link.session != message.session) {
            return;
        }
        let seq = match &message.fix {
            Ok(fix) => fix.seq,
            Err(unreadable) => unreadable.seq,
        };
        if self.is_full() {
            self.notify("rejected", seq, "busy");
            return;
        }
        match self.take(message.fix, false, message.read_at, ctx) {
            Taken::Refused(Refusal::Duplicate) if self.notices_waiting() > NOTICES_MANY => {}
            Taken::Refused(refusal) => {
                self.notify("rejected", seq, refusal.code());
                self.settle_refused(seq, refusal);
            }
            Taken::Flagged(flag) => self.notify("flagged", seq, flag.code()),
            Taken::Stored | Taken::Newest(_) | Taken::Held | Taken::OnItsWay => {}
        }
        self.flush(ctx);
        self.acknowledge(ctx);
    }
}

impl Handler<ReportFixes> for DriverActor {
    type Result = ResponseFuture<Result<Reported, TooMuch>>;

    fn handle(&mut self, message: ReportFixes, ctx: &mut Context<Self>) -> Self::Result {
        if self.is_full() {
            return Box::pin(async { Err(TooMuch) });
        }
        let mut reported = Reported::default();
        let before = self.record;
        let (mut newest, mut repeats) = (None, false);
        let mut numbered: Vec<(usize, Result<Fix, Unreadable>)> = message.fixes.into_iter().enumerate().collect();
        // History in true order: a phone that sends its queue backwards loses nothing.
        numbered.sort_by_key(|(_, fix)| {
            fix.as_ref().map_or((i64::MIN, Millis(i64::MIN)), |fix| (fix.seq.unwrap_or(i64::MIN), fix.timestamp))
        });
        for (index, fix) in numbered {
            match self.take(fix, message.batched, message.read_at, ctx) {
                Taken::Refused(refusal) => reported.rejected.push(Told { index, code: refusal.code() }),
                Taken::Flagged(flag) => {
                    reported.accepted += 1;
                    reported.flagged.push(Told { index, code: flag.code() });
                }
                Taken::Stored => reported.accepted += 1,
                Taken::Newest(fix) => {
                    reported.accepted += 1;
                    newest = Some(fix);
                }
                Taken::OnItsWay => {
                    reported.rejected.push(Told { index, code: Refusal::Duplicate.code() });
                    repeats = true;
                }
                Taken::Held => reported.conflated += 1,
            }
        }
        reported.rejected.sort_by_key(|told| told.index);
        reported.flagged.sort_by_key(|told| told.index);
        if let Some(fix) = newest {
            self.limit(Held { fix, read_at: message.read_at, stored: true }, clock::now(), ctx);
        }
        let in_next = !self.backlog.is_empty() || (repeats && self.held.is_some());
        self.flush(ctx);
        self.acknowledge(ctx);
        if !in_next && !repeats {
            return Box::pin(async move { Ok(reported) });
        }
        let (sender, receiver) = oneshot::channel();
        self.waiters.push_back((before + u64::from(in_next), sender));
        Box::pin(async move { receiver.await.map(|()| reported).map_err(|_| TooMuch) })
    }
}

impl Handler<FixesStored> for DriverActor {
    type Result = ();

    fn handle(&mut self, message: FixesStored, ctx: &mut Context<Self>) {
        self.ledger.stored(message.record);
        while self.on_way.front().is_some_and(|(record, _)| *record <= message.record) {
            self.on_way.pop_front();
        }
        while self.waiters.front().is_some_and(|(record, _)| *record <= message.record) {
            if let Some((_, waiter)) = self.waiters.pop_front() {
                // The asker may have given up meanwhile.
                let _ = waiter.send(());
            }
        }
        self.acknowledge(ctx);
    }
}
