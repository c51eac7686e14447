//! All that waits to be sent to one socket, shared between its session and whoever has news for it.
//!
//! It owns the bounds and the conflation; it knows nothing of sockets, HTTP or frames. Producers on any thread write
//! into it and wake the session at most once; the session empties it when it next can. So a reader that has stopped
//! costs one slot an order and a bounded queue, however fast the world moves, and what it gets when it reads again is
//! the newest.
//!
//! On failure: a full event queue drops the events and closes the session with 4413 (the client resumes with
//! `after`); once a session has been closed or is gone every push answers `false`, and the producer forgets it.

mod owed;
mod pending;

#[cfg(test)]
mod tests;

pub use owed::Landed;
pub use owed::Owed;

use crate::domain::ids::OrderId;
use crate::protocol::close::CloseCode;
use actix::Message;
use actix::Recipient;
use actix::dev::SendError;
use bytestring::ByteString;
use parking_lot::Mutex;
use pending::Pending;
use pending::Taken;
use serde::Serialize;
use std::borrow::Cow;
use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Tells a session that its outbox has something. Sent by the outbox only; at most one is on its way at a time, and
/// one that is lost would be lost for ever, so it never is.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Wake;

/// Something to send, as the session gets it.
#[derive(Debug, Clone, PartialEq)]
pub enum Out {
    /// A heartbeat is due.
    Ping,
    /// Fixes are settled: all up to `up_to`, those in `conflated` by conflation. One ack may come in several parts.
    Ack {
        /// The highest settled seq.
        up_to: i64,
        /// Seqs that were conflated away and not stored, ascending.
        conflated: Vec<i64>,
    },
    /// Something that must arrive, in order.
    Event(Event),
    /// The newest of something of which only the newest matters.
    Latest(Latest),
    /// The session has something of its own to look at.
    Poke,
    /// Send the close frame and end; always the last.
    Close(CloseCode, Cow<'static, str>),
}

/// A frame that must arrive, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The frame's JSON.
    pub text: ByteString,
    /// For an order event: the order and the event's seq, so that the session knows how far it has told the client.
    pub tag: Option<(OrderId, i64)>,
}

/// The newest frame about one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latest {
    /// The order it is about.
    pub order: OrderId,
    /// The frame's JSON, shared by all who get it.
    pub text: ByteString,
    /// When the news came into this process: for the latency metrics.
    pub read_at: Instant,
    /// How many older ones it has replaced before any was sent.
    pub replaced: u32,
}

/// What lies in an outbox, for tests and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct OutboxState {
    /// Frames that must arrive.
    pub events: usize,
    /// Orders with an unsent newest frame.
    pub latest: usize,
    /// Conflated seqs waiting for their ack.
    pub conflated: usize,
    /// Highest settled seq waiting to be told.
    pub ack: Option<i64>,
    /// A heartbeat waits.
    pub ping: bool,
    /// A poke waits.
    pub poke: bool,
    /// The code it was closed with.
    pub closed: Option<u16>,
    /// A wake-up is under way that the session has not yet followed.
    pub ringing: bool,
    /// The session is gone.
    pub dead: bool,
}

/// All that waits to be sent to one socket. See the module's text for the guarantees.
///
/// Every push answers whether the session may still get it; on `false` the producer drops its subscription.
#[derive(Default)]
pub struct Outbox {
    pending: Mutex<Pending>,
    /// True from a producer's wake-up until the session begins to drain.
    woken: AtomicBool,
    dead: AtomicBool,
    cut: AtomicBool,
    session: OnceLock<Recipient<Wake>>,
}

thread_local! {
    /// Where a drain puts what it takes out, so that the session is called with the lock open and without an
    /// allocation for each wake-up. Kept by the thread rather than the session: 20,000 sessions share it.
    static TAKEN: Cell<Vec<Taken>> = const { Cell::new(Vec::new()) };
}

/// The emptied buffer is kept up to this many entries.
const TAKEN_KEEP: usize = 1_024;

impl Outbox {
    /// Puts the newest frame about `order`, in place of an older one that is still here.
    ///
    /// `read_at` is when the news came into this process.
    pub fn latest(&self, order: &OrderId, text: ByteString, read_at: Instant) -> bool {
        self.push(|pending| pending.put_latest(order, text, read_at))
    }

    /// Puts the newest frame about `order` unless an older one has not been read; that is replaced by what `owed` makes, and the newest is
    /// asked for when the session reads again.
    pub fn latest_or_owed(
        &self,
        order: &OrderId,
        text: &ByteString,
        read_at: Instant,
        owed: impl FnOnce() -> Owed,
    ) -> Landed {
        let mut landed = Landed::Gone;
        let taken_in = self.push(|pending| {
            landed = pending.put_latest_or_owed(order, text, read_at, owed);
            true
        });
        if taken_in { landed } else { Landed::Gone }
    }

    /// Takes back the newest frame about `order` if it has not been sent: who may not see an order any more must not
    /// get what was written a moment before.
    pub fn clear_latest(&self, order: &OrderId) {
        self.pending.lock().clear_latest(order);
    }

    /// Appends a frame that must arrive. One over `limits::OUTBOX_MAX_EVENTS` drops them all and closes with 4413.
    pub fn event(&self, event: Event) -> bool {
        self.push(|pending| pending.put_event(event))
    }

    /// Settles fixes: all up to `up_to`, of which `conflated` were conflated away. Several are told as one.
    pub fn ack(&self, up_to: i64, conflated: &[i64]) -> bool {
        self.push(|pending| pending.put_ack(up_to, conflated))
    }

    /// Wakes the session with [`Out::Poke`]: whatever is news lies elsewhere.
    pub fn poke(&self) -> bool {
        self.push(|pending| {
            pending.poke = true;
            true
        })
    }

    /// Asks for a heartbeat.
    pub fn ping(&self) -> bool {
        self.push(|pending| {
            pending.ping = true;
            true
        })
    }

    /// Ends the session once what is here has been sent. Nothing is taken in after it; the first close counts, and
    /// answers `true`.
    ///
    /// `reason` goes to the client and is cut at 123 bytes.
    pub fn close(&self, code: CloseCode, reason: impl Into<Cow<'static, str>>) -> bool {
        self.push(|pending| pending.close(code, reason.into()))
    }

    /// Ends the session at once: what is here is dropped, for whoever reads it may see no more. As for [`Outbox::close`], the
    /// first end counts, and answers `true`.
    pub fn cut(&self, code: CloseCode, reason: impl Into<Cow<'static, str>>) -> bool {
        if self.dead.load(Ordering::Acquire) {
            return false;
        }
        self.cut.store(true, Ordering::Release);
        let cut = {
            let mut pending = self.pending.lock();
            // Asked under the lock, which a session that hangs up takes after it has said so.
            !self.dead.load(Ordering::Acquire) && pending.cut(code, reason.into())
        };
        self.ring() && cut
    }

    /// Whether its client may see no more.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }

    /// Names the session to wake. Called once, by the session as it starts; it must drain right after, since what was
    /// pushed before had nobody to wake.
    pub fn attach(&self, session: Recipient<Wake>) {
        // A second session for one outbox does not exist: the outbox is made with its socket.
        let _ = self.session.set(session);
    }

    /// Hands everything to `send`: heartbeat, events, ack, newest frames, poke, and the close last.
    ///
    /// `send` runs with the outbox open, and may push into it; that comes with the next wake-up.
    pub fn drain(&self, mut send: impl FnMut(Out)) {
        // First: whoever pushes from here on sends a new wake-up. The other way round, a push between taking and
        // lowering the flag would lie here unannounced.
        self.woken.swap(false, Ordering::AcqRel);
        let mut taken = TAKEN.take();
        self.pending.lock().take_into(&mut taken);
        for taken in taken.drain(..) {
            match taken {
                Taken::Ready(out) => send(out),
                Taken::Owed { owed, replaced } => {
                    if let Some(latest) = owed.settle() {
                        let replaced = latest.replaced.saturating_add(replaced);
                        send(Out::Latest(Latest { replaced, ..latest }));
                    }
                }
            }
        }
        if taken.capacity() <= TAKEN_KEEP {
            TAKEN.set(taken);
        }
    }

    /// The session is gone: drops what is here and refuses the rest.
    pub fn hang_up(&self) {
        self.dead.store(true, Ordering::Release);
        *self.pending.lock() = Pending::default();
    }

    /// Whether a push could still reach the client.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.dead.load(Ordering::Acquire) && !self.pending.lock().is_closed()
    }

    /// Whether the session has been woken and has not yet begun to drain. Long true means that it is not polled.
    #[must_use]
    pub fn is_ringing(&self) -> bool {
        self.woken.load(Ordering::Acquire)
    }

    /// What lies here now.
    #[must_use]
    pub fn state(&self) -> OutboxState {
        let contents = self.pending.lock().state();
        OutboxState { ringing: self.is_ringing(), dead: self.dead.load(Ordering::Acquire), ..contents }
    }

    /// Writes under the lock, then wakes. `write` answers whether it took the thing in; when it did not, it has closed
    /// the outbox, which must be announced too.
    fn push(&self, write: impl FnOnce(&mut Pending) -> bool) -> bool {
        if self.dead.load(Ordering::Acquire) {
            return false;
        }
        let taken_in = {
            let mut pending = self.pending.lock();
            // Once more under the lock: a session that hangs up meanwhile leaves an empty, open one behind.
            !self.dead.load(Ordering::Acquire) && !pending.is_closed() && write(&mut pending)
        };
        self.ring() && taken_in
    }

    /// Wakes the session unless it has been woken already. False when it is gone.
    fn ring(&self) -> bool {
        if self.woken.swap(true, Ordering::AcqRel) {
            return true;
        }
        let Some(session) = self.session.get() else {
            // Not started yet: it drains as it attaches.
            return true;
        };
        match session.try_send(Wake) {
            Ok(()) => true,
            // The one legitimate do_send: `woken` bounds it to a single message, and giving up here would leave the
            // flag up with nobody on the way, so that the session would never be woken again.
            Err(SendError::Full(wake)) => {
                session.do_send(wake);
                true
            }
            Err(SendError::Closed(_)) => {
                self.hang_up();
                false
            }
        }
    }
}
