//! Watches every connection of one thread from outside the actors, and ends those that break the rails.
//!
//! One a thread. It never touches a connection of another thread: that is what makes the raw descriptor in `Conn`
//! sound. Each connection is looked at at least once a second, a fiftieth of them every 20 ms: looking at 20,000 at
//! once takes 2 ms, which every update on the thread would feel.

use super::conn::Conn;
use super::rails::Eviction;
use super::rails::Rails;
use super::tick::Tick;
use super::tick::advance;
use crate::actors::outbox::Outbox;
use crate::clock;
use crate::domain::time::Millis;
use crate::protocol::close::CloseCode;
use rand::seq::SliceRandom as _;
use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;
use std::rc::Weak;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// Between two slices of a sweep.
const SLICE: Duration = Duration::from_millis(20);
/// Slices of a whole sweep: each connection is visited at least once a second.
const SLICES: usize = 50;
/// How long a drained client is told to wait before it reconnects.
const RETRY_MS: Range<u64> = 500..1_500;

thread_local! {
    static WARDEN: RefCell<Option<Warden>> = const { RefCell::new(None) };
}

struct Warden {
    rails: Arc<Rails>,
    conns: Vec<Weak<Conn>>,
    cursor: usize,
    drain: Option<Drain>,
}

/// A drain under way. It has its own list: through the sliced sweep, close and reset met in one visit.
struct Drain {
    left: Vec<Weak<Conn>>,
    per_slice: usize,
    /// When those still there are reset.
    ends_at: Tick,
}

/// Watches a connection from here on. Starts the thread's warden with its first.
pub(super) fn watch(conn: &Rc<Conn>) {
    WARDEN.with_borrow_mut(|slot| {
        let warden = slot.get_or_insert_with(|| {
            actix_web::rt::spawn(sweep_for_ever());
            Warden { rails: Arc::clone(&conn.rails), conns: Vec::new(), cursor: 0, drain: None }
        });
        warden.conns.push(Rc::downgrade(conn));
    });
}

/// Ends with the thread's runtime.
async fn sweep_for_ever() {
    let mut slices = tokio::time::interval(SLICE);
    // A thread that was busy for long makes up for nothing: it has other things to do.
    slices.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        slices.tick().await;
        let now = advance();
        WARDEN.with_borrow_mut(|slot| {
            if let Some(warden) = slot {
                warden.sweep_slice(now);
                warden.drain_slice(now);
            }
        });
    }
}

impl Warden {
    fn sweep_slice(&mut self, now: Tick) {
        let wall = clock::now();
        for _ in 0..self.conns.len().div_ceil(SLICES) {
            if self.cursor >= self.conns.len() {
                self.cursor = 0;
            }
            match self.conns.get(self.cursor).map(Weak::upgrade) {
                Some(Some(conn)) => {
                    self.inspect(&conn, now, wall);
                    self.cursor += 1;
                }
                Some(None) => {
                    self.conns.swap_remove(self.cursor);
                }
                None => return,
            }
        }
    }

    fn inspect(&self, conn: &Conn, now: Tick, wall: Millis) {
        match (conn.closing.get(), conn.outbox()) {
            (Some(since), _) if now.since(since) >= self.rails.timings.farewell => {
                self.reset(conn, Eviction::Lingering)
            }
            (Some(_), _) => {}
            (None, Some(outbox)) => self.inspect_socket(conn, outbox, now, wall),
            (None, None) => self.inspect_http(conn, now),
        }
    }

    fn inspect_socket(&self, conn: &Conn, outbox: &Outbox, now: Tick, wall: Millis) {
        let timings = &self.rails.timings;
        let older_than = |since: Tick, limit: Duration| now.since(since) >= limit;
        let is_silent = older_than(conn.last_in.get(), timings.heartbeat * 2);
        // Whoever may see no more is not waited for as long as others: what is on its way to them could still be read. Nor is
        // whoever has been silent so long, whatever its kernel took in until now.
        let stall = if outbox.is_cut() || is_silent { timings.farewell } else { timings.stall };
        if is_stalled(conn, outbox, now, stall) {
            self.reset(conn, Eviction::Stalled);
        } else if conn.must_give_way() {
            self.make_room(conn, outbox, now);
        } else if wall >= conn.expires_at.get() {
            self.cut(outbox, Eviction::Expired, CloseCode::Token, "token expired");
        } else if conn.partial_since.get().is_some_and(|since| older_than(since, conn.half_frame.get())) {
            self.close(outbox, Eviction::HalfFrame, CloseCode::Policy, "incomplete message");
        } else if is_silent {
            self.close(outbox, Eviction::Silent, CloseCode::Silent, "nothing heard");
        } else if older_than(conn.pinged.get(), timings.heartbeat) {
            conn.pinged.set(now);
            outbox.ping();
        }
    }

    /// The oldest socket of a principal that has one more than it may: told first, then reset if it does not read.
    fn make_room(&self, conn: &Conn, outbox: &Outbox, now: Tick) {
        match conn.gave_way.get() {
            None => {
                conn.gave_way.set(Some(now));
                self.close(outbox, Eviction::GaveWay, CloseCode::Replaced, "a newer connection took over");
            }
            Some(since) if now.since(since) >= self.rails.timings.farewell => self.reset(conn, Eviction::GaveWay),
            Some(_) => {}
        }
    }

    /// Between two requests nothing but a part of the next head can come: the framework's own clocks watch for the first
    /// head and for a connection on which there is nothing at all, and this one for all the rest.
    fn inspect_http(&self, conn: &Conn, now: Tick) {
        let timings = &self.rails.timings;
        let idle = now.since(conn.last_in.get()) >= timings.http_idle;
        let waits_for_head = conn.idle_since.get().is_some_and(|since| now.since(since) >= timings.http_between);
        if idle || now.since(conn.request_since.get()) >= timings.http_request {
            self.reset(conn, Eviction::IdleHttp);
        } else if waits_for_head && conn.hang_up() {
            self.rails.count(Eviction::SlowHead);
        }
    }

    /// Asks for a close frame. The client gets it if it reads; if not, it is a stall from here on.
    fn close(&self, outbox: &Outbox, why: Eviction, code: CloseCode, reason: &'static str) {
        if outbox.close(code, reason) {
            self.rails.count(why);
        }
    }

    /// The same for whoever may see no more: what waits for them is dropped.
    fn cut(&self, outbox: &Outbox, why: Eviction, code: CloseCode, reason: &'static str) {
        if outbox.cut(code, reason) {
            self.rails.count(why);
        }
    }

    fn reset(&self, conn: &Conn, why: Eviction) {
        if conn.reset() {
            self.rails.count(why);
        }
    }

    fn drain_slice(&mut self, now: Tick) {
        let Some(window) = self.rails.drain_window() else { return };
        if self.drain.is_none() {
            self.drain = Some(self.begin_drain(now, window));
        }
        let Some(drain) = &mut self.drain else { return };
        let rest = drain.left.len().saturating_sub(drain.per_slice);
        for conn in drain.left.drain(rest..).filter_map(|conn| conn.upgrade()) {
            let retry_ms = rand::random_range(RETRY_MS);
            if conn.outbox().is_some_and(|outbox| outbox.close(CloseCode::Restarting, format!("retry_ms={retry_ms}"))) {
                self.rails.count(Eviction::Drained);
            }
        }
        if now >= drain.ends_at {
            for conn in self.conns.iter().filter_map(Weak::upgrade).filter(|conn| conn.outbox().is_some()) {
                conn.reset();
            }
        }
    }

    /// In random order: neighbours in the list came together, and would come back together.
    fn begin_drain(&self, now: Tick, window: Duration) -> Drain {
        let is_socket = |conn: &&Weak<Conn>| conn.upgrade().is_some_and(|conn| conn.outbox().is_some());
        let mut left: Vec<_> = self.conns.iter().filter(is_socket).cloned().collect();
        left.shuffle(&mut rand::rng());
        let slices = usize::try_from(window.as_millis() / SLICE.as_millis()).unwrap_or(usize::MAX).max(1);
        let per_slice = left.len().div_ceil(slices).max(1);
        Drain { left, per_slice, ends_at: now.after(window + self.rails.timings.farewell) }
    }
}

/// Woken, and the body not polled since, for `limit`. Not "has not been polled for long": an idle session is that the
/// moment something is pushed. Nor "woken whenever one looks": so is a session in the thick of the news.
fn is_stalled(conn: &Conn, outbox: &Outbox, now: Tick, limit: Duration) -> bool {
    let stuck = stuck_since(conn.stuck.get(), outbox.is_ringing(), conn.polls.get(), now);
    conn.stuck.set(stuck);
    stuck.is_some_and(|(since, _)| now.since(since) >= limit)
}

/// Since when the session has been woken with the body at this poll count: as `before`, unless it has moved.
fn stuck_since(before: Option<(Tick, u64)>, woken: bool, polls: u64, now: Tick) -> Option<(Tick, u64)> {
    woken.then(|| before.filter(|(_, polls_then)| *polls_then == polls).unwrap_or((now, polls)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stuck_is_woken_without_a_poll_and_nothing_else() {
        let start = Tick::default();
        let at = |seconds| start.after(Duration::from_secs(seconds));
        let began = stuck_since(None, true, 7, at(1));
        assert_eq!(began, Some((at(1), 7)));
        assert_eq!(stuck_since(began, true, 7, at(9)), Some((at(1), 7)), "still the same poll: since then");
        assert_eq!(stuck_since(began, true, 8, at(9)), Some((at(9), 8)), "polled and woken again: anew");
        assert_eq!(stuck_since(began, false, 7, at(9)), None, "nothing to send is no stall");
    }
}
