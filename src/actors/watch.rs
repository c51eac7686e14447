//! Who may see which driver, and the pushes to them.
//!
//! An [`Audience`] lasts as long as its order. A [`Watch`] is that audience's right to see one driver:
//! it begins with an assignment, is a lease that only the store renews, and once revoked nothing passes, not even a push under way on another thread.
//! Cells find the watches of their residents in the [`WatchRegistry`], so a crossing or a dead cell loses none.

use crate::actors::audience::Audience;
use crate::actors::audience::Member;
use crate::domain::eta;
use crate::domain::fix::Fix;
use crate::domain::geo::Position;
use crate::domain::ids::DriverId;
use crate::domain::ids::OrderId;
use crate::domain::time::Millis;
use crate::protocol::outbound::LocationFrame;
use crate::protocol::outbound::LocationGone;
use crate::protocol::outbound::LocationStale;
use crate::protocol::outbound::encode;
use crate::protocol::time::to_rfc3339;
use bytestring::ByteString;
use dashmap::DashMap;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Instant;

/// Time for which one look at the store lets a watch push. The steward renews it well before.
pub const LEASE_MS: i64 = 5_000;

/// What the audience was told last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Position,
    Stale,
    Gone,
}

struct State {
    lease_until: Millis,
    revoked: bool,
    heading_to: Position,
    newest: Option<Millis>,
    pushed_at: Option<Millis>,
    told: Told,
}

/// What became of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It lies in the outbox of everybody who follows.
    Sent,
    /// Too soon after the last one: try again then.
    Later(Millis),
    /// Not newer than what was sent, or no lease.
    Nothing,
    /// The watch is over: drop it.
    Over,
}

/// The right of one order's audience to see one driver.
pub struct Watch {
    /// The order.
    pub order_id: OrderId,
    /// The driver who carries it.
    pub driver_id: DriverId,
    audience: Arc<Audience>,
    state: Mutex<State>,
}

impl Watch {
    /// A watch with a first lease. `heading_to` is the stop its ETA is for.
    #[must_use]
    pub fn new(
        order_id: OrderId,
        driver_id: DriverId,
        audience: Arc<Audience>,
        heading_to: Position,
        lease_until: Millis,
    ) -> Self {
        let state =
            State { lease_until, revoked: false, heading_to, newest: None, pushed_at: None, told: Told::Nothing };
        Self { order_id, driver_id, audience, state: Mutex::new(state) }
    }

    /// The store still says yes.
    pub fn renew(&self, until: Millis) {
        let mut state = self.state.lock();
        state.lease_until = state.lease_until.max(until);
    }

    /// The next stop changed.
    pub fn heads_to(&self, stop: Position) {
        self.state.lock().heading_to = stop;
    }

    /// Ends the watch. When this returns no push of it can reach anybody, and one that lay unsent is gone.
    pub fn revoke(&self) {
        let mut state = self.state.lock();
        if std::mem::replace(&mut state.revoked, true) {
            // What lies in the outboxes now may belong to the watch that came after this one.
            return;
        }
        self.audience.clear_latest(&self.order_id);
    }

    /// Whether it was revoked.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state.lock().revoked
    }

    /// Pushes a fix to everybody unless a newer one was pushed before, the lease has run out, or `interval_ms` has not passed.
    pub fn push(&self, fix: &Fix, read_at: Instant, now: Millis, interval_ms: i64) -> Pushed {
        let mut state = self.state.lock();
        if state.revoked {
            return Pushed::Over;
        }
        let is_newer = state.newest.is_none_or(|newest| fix.timestamp > newest);
        if !is_newer || now > state.lease_until {
            return Pushed::Nothing;
        }
        let due = state.pushed_at.map(|at| at + interval_ms).filter(|due| *due > now);
        if let Some(due) = due {
            return Pushed::Later(due);
        }
        let frame = self.location(fix, state.heading_to, now);
        state.newest = Some(fix.timestamp);
        state.pushed_at = Some(now);
        state.told = Told::Position;
        // Under the lock, so that a revocation on another thread comes before or after it, never in between.
        self.audience.latest(&self.order_id, &frame, read_at);
        Pushed::Sent
    }

    /// Shows one member where the driver is now, whatever the others have seen.
    pub fn show(&self, member: &Member, fix: Option<&Fix>, now: Millis) {
        let state = self.state.lock();
        // A newer one that was pushed meanwhile has reached this member as well.
        let is_older = fix.is_some_and(|fix| state.newest.is_some_and(|newest| fix.timestamp < newest));
        if state.revoked || now > state.lease_until || is_older {
            return;
        }
        let frame = match fix {
            Some(fix) => self.location(fix, state.heading_to, now),
            None => encode(&LocationGone { order_id: &self.order_id }),
        };
        self.audience.show(member, &self.order_id, frame);
    }

    /// Tells everybody, once, that the driver has not been heard of since `since`.
    pub fn stale(&self, since: Millis, now: Millis) {
        let frame = encode(&LocationStale { order_id: &self.order_id, since: to_rfc3339(since) });
        self.tell_once(Told::Stale, &frame, now);
    }

    /// Tells everybody, once, that there is no position any more.
    pub fn gone(&self, now: Millis) {
        self.tell_once(Told::Gone, &encode(&LocationGone { order_id: &self.order_id }), now);
    }

    fn tell_once(&self, told: Told, frame: &ByteString, now: Millis) {
        let mut state = self.state.lock();
        if state.revoked || now > state.lease_until || state.told == told {
            return;
        }
        state.told = told;
        self.audience.latest(&self.order_id, frame, Instant::now());
    }

    fn location(&self, fix: &Fix, heading_to: Position, now: Millis) -> ByteString {
        encode(&LocationFrame {
            order_id: &self.order_id,
            driver_id: &self.driver_id,
            latitude: fix.position.latitude(),
            longitude: fix.position.longitude(),
            heading: fix.heading,
            speed: fix.speed,
            timestamp: to_rfc3339(fix.timestamp),
            age_ms: now.since(fix.timestamp).max(0),
            eta_s: eta::travel_whole_s(fix.position, heading_to),
        })
    }
}

/// Every watch of this node, by driver. Cells read it for their residents; the steward renews what is in it.
#[derive(Default)]
pub struct WatchRegistry {
    by_driver: DashMap<DriverId, Vec<Arc<Watch>>>,
}

impl WatchRegistry {
    /// Adds a watch.
    pub fn add(&self, watch: Arc<Watch>) {
        let mut watches = self.by_driver.entry(watch.driver_id.clone()).or_default();
        watches.retain(|other| !other.is_over());
        watches.push(watch);
    }

    /// Forgets the watches of a driver that are over.
    pub fn sweep(&self, driver_id: &DriverId) {
        self.by_driver.remove_if_mut(driver_id, |_, watches| {
            watches.retain(|watch| !watch.is_over());
            watches.is_empty()
        });
    }

    /// The watches of a driver.
    #[must_use]
    pub fn of(&self, driver_id: &DriverId) -> Vec<Arc<Watch>> {
        self.by_driver.get(driver_id).map(|watches| watches.clone()).unwrap_or_default()
    }

    /// Every watch.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Watch>> {
        self.by_driver.iter().flat_map(|entry| entry.value().clone()).collect()
    }
}
