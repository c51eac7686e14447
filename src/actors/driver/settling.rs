//! How a driver actor's fixes get settled: into the store by way of the recorder, and back as acknowledgements.

use super::DriverActor;
use super::FixesStored;
use crate::actors::recorder::RecordFixes;
use crate::clock;
use crate::domain::fix::Fix;
use crate::domain::fix::Flag;
use crate::domain::time::Millis;
use crate::limits::ACK_INTERVAL_MS;
use crate::store::FixRow;
use actix::ActorContext;
use actix::AsyncContext;
use actix::Context;
use actix::Handler;
use actix::dev::SendError;
use std::time::Duration;

/// Pause before a record that did not fit into the recorder's mailbox is sent again.
const RECORD_RETRY: Duration = Duration::from_millis(50);
/// Fixes of one driver that may wait for the store, here and in the recorder.
const BACKLOG_MAX: usize = 4_096;

impl DriverActor {
    /// Puts a fix on the way to the store.
    pub(super) fn record(&mut self, fix: &Fix, flag: Option<Flag>, now: Millis) {
        if let Some(seq) = fix.seq {
            self.ledger.recording(seq, self.record + 1);
        }
        self.backlog.push(FixRow { driver_id: self.driver_id.clone(), fix: fix.clone(), flag, received_at: now });
    }

    /// Sends what waits to the recorder as one record.
    pub(super) fn flush(&mut self, ctx: &mut Context<Self>) {
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
    pub(super) fn acknowledge(&mut self, ctx: &mut Context<Self>) {
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

    pub(super) fn is_full(&self) -> bool {
        let on_way: usize = self.on_way.iter().map(|(_, rows)| rows).sum();
        self.ledger.is_full() || self.backlog.len() + on_way >= BACKLOG_MAX
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
