//! Everybody who follows one order, and what they were shown last.
//!
//! A member who has not taken the last frame when the next one comes falls behind: nothing is written into their outbox any more, which only
//! keeps the word that something is owed. When they read again, the outbox asks here for the newest and they are among the readers again. So
//! a thousand who have stopped reading cost those who read nothing but their place in the list.
//!
//! Locks are taken in this order: a watch's, the audience's, an outbox's.

use crate::actors::outbox::Event;
use crate::actors::outbox::Landed;
use crate::actors::outbox::Latest;
use crate::actors::outbox::Outbox;
use crate::actors::outbox::Owed;
use crate::domain::ids::OrderId;
use bytestring::ByteString;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// One socket that follows an order.
#[derive(Clone)]
pub struct Member {
    /// Number of the session on this node.
    pub session: u64,
    /// Where its frames go.
    pub outbox: Arc<Outbox>,
}

/// See the module.
#[derive(Default)]
pub struct Audience {
    members: Mutex<Members>,
}

#[derive(Default)]
struct Members {
    /// Have taken what they were given, as far as anybody knows.
    reading: Vec<Member>,
    /// Have not, by session; their outboxes owe them the newest.
    behind: HashMap<u64, Arc<Outbox>>,
    newest: Option<Newest>,
    /// How many frames there have been.
    frames: u64,
}

struct Newest {
    order: OrderId,
    text: ByteString,
    read_at: Instant,
}

impl Audience {
    /// Adds a member, in place of an earlier subscription of the same session.
    pub fn join(&self, member: Member) {
        let mut members = self.members.lock();
        members.remove(member.session);
        members.reading.push(member);
    }

    /// Removes a session.
    pub fn leave(&self, session: u64) {
        self.members.lock().remove(session);
    }

    /// Whether nobody follows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let members = self.members.lock();
        members.reading.is_empty() && members.behind.is_empty()
    }

    /// Queues an event for everybody; who cannot take it any more is dropped.
    pub fn event(&self, order_id: &OrderId, seq: i64, text: &ByteString) {
        self.members
            .lock()
            .retain(|outbox| outbox.event(Event { text: text.clone(), tag: Some((order_id.clone(), seq)) }));
    }

    /// Replaces the newest frame about the order for everybody.
    pub(super) fn latest(self: &Arc<Self>, order_id: &OrderId, text: &ByteString, read_at: Instant) {
        let mut members = self.members.lock();
        let Members { reading, behind, newest, frames } = &mut *members;
        *frames += 1;
        *newest = Some(Newest { order: order_id.clone(), text: text.clone(), read_at });
        reading.retain(|Member { session, outbox }| {
            let owed = || Owed::new(self, *session, *frames);
            match outbox.latest_or_owed(order_id, text, read_at, owed) {
                Landed::Taken => true,
                Landed::Gone => false,
                Landed::Unread => {
                    behind.insert(*session, Arc::clone(outbox));
                    false
                }
            }
        });
    }

    /// Gives one member a frame of their own, in place of what they have not read. One who was behind is a reader again: what is
    /// pushed from here on comes after it.
    pub(super) fn show(&self, member: &Member, order_id: &OrderId, text: ByteString) {
        let mut members = self.members.lock();
        if let Some(outbox) = members.behind.remove(&member.session) {
            members.reading.push(Member { session: member.session, outbox });
        }
        // Under the lock, so that no push and nobody who catches up comes in between.
        member.outbox.latest(order_id, text, Instant::now());
    }

    /// Takes back what was shown last from all who have not read it.
    pub(super) fn clear_latest(&self, order_id: &OrderId) {
        let mut members = self.members.lock();
        members.newest = None;
        for member in &members.reading {
            member.outbox.clear_latest(order_id);
        }
    }

    /// Tells everybody to look at their subscriptions: the actor behind them is gone.
    pub fn poke(&self) {
        self.members.lock().retain(|outbox| outbox.poke());
    }

    /// A member who had fallen behind reads again: the newest frame, unless it was taken back, and how many there have been since frame
    /// `since`, which went by unread, too.
    pub(super) fn catch_up(&self, session: u64, since: u64) -> Option<Latest> {
        let mut members = self.members.lock();
        // Who is not there has left, or has joined anew or been shown something, which comes by itself.
        let outbox = members.behind.remove(&session)?;
        members.reading.push(Member { session, outbox });
        let missed = members.frames - since + 1;
        let Newest { order, text, read_at } = members.newest.as_ref()?;
        let replaced = u32::try_from(missed).unwrap_or(u32::MAX);
        Some(Latest { order: order.clone(), text: text.clone(), read_at: *read_at, replaced })
    }
}

impl Members {
    fn remove(&mut self, session: u64) {
        if self.behind.remove(&session).is_none() {
            self.reading.retain(|member| member.session != session);
        }
    }

    fn retain(&mut self, mut keep: impl FnMut(&Outbox) -> bool) {
        self.reading.retain(|member| keep(&member.outbox));
        self.behind.retain(|_, outbox| keep(outbox));
    }
}
