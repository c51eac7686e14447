//! How a session comes to follow an order: first what it has missed, then, with everybody else, what happens.
//!
//! What it has missed may be more than an outbox holds; it is told in portions, as the session reads them, and the session counts as a follower only
//! after the last.

use super::OrderActor;
use super::SubscribeOrder;
use super::UnsubscribeOrder;
use crate::actors::audience::Member;
use crate::actors::outbox::Event;
use crate::limits::OUTBOX_MAX_EVENTS;
use crate::protocol::outbound::order_frame;
use actix::AsyncContext;
use actix::Context;
use actix::Handler;
use std::time::Duration;

/// Pause before a session that has not read yet is told more.
const PAUSE: Duration = Duration::from_millis(20);

/// A session that is being told what it has missed.
pub(super) struct Replay {
    member: Member,
    /// The last event it was told.
    told: i64,
}

impl Replay {
    /// The order's actor is gone: the session subscribes again.
    pub(super) fn poke(&self) {
        self.member.outbox.poke();
    }
}

impl OrderActor {
    /// Tells every such session as much as it may hold; those who know everything join the audience.
    fn replay(&mut self, ctx: &mut Context<Self>) {
        for mut replay in std::mem::take(&mut self.replays) {
            if !self.tell_missed(&mut replay) {
                continue;
            }
            if replay.told < self.version() {
                self.replays.push(replay);
                continue;
            }
            self.audience.join(replay.member.clone());
            if let Some(watch) = self.watch.clone() {
                self.show(&watch, Some(&replay.member));
            }
        }
        if !self.replays.is_empty() && !std::mem::replace(&mut self.replay_due, true) {
            ctx.run_later(PAUSE, |actor, ctx| {
                actor.replay_due = false;
                actor.replay(ctx);
            });
        }
    }

    /// `false` when the session is gone.
    fn tell_missed(&self, replay: &mut Replay) -> bool {
        let Some(order) = &self.order else { return false };
        let outbox = &replay.member.outbox;
        // Half of it: others have events for this session too.
        let mut room = (OUTBOX_MAX_EVENTS / 2).saturating_sub(outbox.state().events);
        let from = replay.told;
        for event in self.events.iter().filter(|event| event.seq > from) {
            if room == 0 {
                break;
            }
            room -= 1;
            let newest = (event.seq == order.version).then_some(order.as_ref());
            let tag = Some((self.order_id.clone(), event.seq));
            if !outbox.event(Event { text: order_frame(event, newest), tag }) {
                return false;
            }
            replay.told = event.seq;
        }
        outbox.is_open()
    }
}

impl Handler<SubscribeOrder> for OrderActor {
    type Result = ();

    fn handle(&mut self, message: SubscribeOrder, ctx: &mut Context<Self>) {
        let SubscribeOrder { member, after } = message;
        let Some(order) = &self.order else {
            member.outbox.poke();
            return;
        };
        // The current one first, or every event above `after`.
        let told = after.unwrap_or(order.version - 1);
        // What it missed comes before what happens, also for a session that asks a second time.
        self.audience.leave(member.session);
        self.replays.retain(|other| other.member.session != member.session);
        self.replays.push(Replay { member, told });
        self.replay(ctx);
    }
}

impl Handler<UnsubscribeOrder> for OrderActor {
    type Result = ();

    fn handle(&mut self, message: UnsubscribeOrder, _ctx: &mut Context<Self>) {
        self.replays.retain(|other| other.member.session != message.session);
        self.audience.leave(message.session);
    }
}
