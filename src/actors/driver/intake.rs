//! How a driver actor takes in fixes: judge, limit, publish. What becomes of them then is told in `settling`.

use super::DriverActor;
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
use crate::clock;
use crate::domain::fix::Fix;
use crate::domain::fix::Flag;
use crate::domain::fix::Refusal;
use crate::domain::fix::Verdict;
use crate::domain::time::Millis;
use crate::protocol::close::CloseCode;
use crate::protocol::fix::Unreadable;
use crate::protocol::outbound::FixNotice;
use crate::protocol::outbound::encode;
use actix::AsyncContext;
use actix::Context;
use actix::Handler;
use actix::ResponseFuture;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;
use tokio::sync::oneshot;

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

    fn notify(&self, kind: &'static str, seq: Option<i64>, code: &'static str) {
        self.send(encode(&FixNotice { kind, seq, code }));
    }

    /// More waits for the store than may. One fix left out would be a hole under those after it, so the connection ends, and the
    /// device goes on from the `last_seq` of its next welcome.
    fn shed(&mut self) {
        if let Some(link) = self.link.take() {
            link.outbox.close(CloseCode::TooMany, "more fixes wait for the store than may");
            self.heard_at = clock::now();
        }
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
            self.shed();
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
        let current = self.link.as_ref().map(|link| link.session);
        let is_fenced = message.session.is_some() && message.session != current;
        if is_fenced || self.is_full() {
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
