//! The steward: every two seconds asks the store, in one read, whether every watch of this node may go on, and renews or ends it.
//!
//! This is the lease of the contract: an order that ended without anybody here hearing of it is not seen any more within five seconds, and when the
//! store is away nobody sees anybody. In the same round it reads which tokens others have revoked.
//!
//! Less often it compares every open order with its actor, for hints that were lost, and sweeps what is kept for a time
//! only: idempotency keys, published events, dead letters.
//!
//! It cannot stay away: a round that panics or never ends is dropped, counted, and followed by the next after a pause. Its
//! [`Pulse`] tells `/readyz` when leases are running out.

use crate::actors::desk;
use crate::actors::mailbox::tell;
use crate::actors::order::OrderStands;
use crate::actors::order::RecheckOrder;
use crate::actors::watch::LEASE_MS;
use crate::actors::watch::Watch;
use crate::actors::world::World;
use crate::clock;
use crate::domain::ids::OrderId;
use crate::domain::order::By;
use crate::domain::order::Order;
use crate::domain::order::Status;
use crate::domain::order::Step;
use crate::domain::time::Millis;
use crate::limits::DEAD_LETTERS_KEPT_MS;
use crate::limits::EVENTS_KEPT_MS;
use crate::limits::FEED_MAX_PAGE;
use crate::limits::IDEMPOTENCY_TTL_MS;
use crate::store::WatchState;
use futures_util::FutureExt;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

/// Time between two rounds.
const ROUND: Duration = Duration::from_secs(2);
/// Watches asked for in one read.
const ASK_MAX: usize = 1_000;
/// A round that takes longer is given up.
const ROUND_MAX: Duration = Duration::from_secs(60);
/// Without a renewal for this long leases are running out.
const BEHIND: Duration = Duration::from_secs(6);
/// Pause after a round that panicked, in milliseconds; doubles with each that follows at once, up to the last.
const PAUSE_FIRST_MS: u64 = 500;
/// Longest pause, in milliseconds.
const PAUSE_LAST_MS: u64 = 30_000;
/// Rounds between two sweeps of expired idempotency keys: about ten minutes.
const ROUNDS_A_SWEEP: u32 = 300;

/// Rounds between two looks at all open orders: about ten seconds.
const ROUNDS_A_LOOK: u32 = 5;
/// Orders compared before other work gets a turn.
const LOOK_CHUNK: usize = 200;
/// An order that is only created after this long has lost whoever was placing it, in milliseconds.
const ORPHANED_MS: i64 = 30_000;

/// When the steward last renewed all there is.
#[derive(Debug, Default)]
pub struct Pulse(Mutex<Option<Instant>>);

impl Pulse {
    fn beats(&self) {
        *self.0.lock() = Some(Instant::now());
    }

    /// Time since it last renewed everything; none before its first round.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.0.lock().map(|beat| beat.elapsed())
    }

    /// Whether leases are running out.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.age().is_some_and(|age| age > BEHIND)
    }
}

/// Runs until the node ends, whatever becomes of its rounds.
pub async fn run(world: Arc<World>) {
    world.steward.beats();
    let mut rounds = tokio::time::interval(ROUND);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut number, mut failures): (u32, u32) = (0, 0);
    loop {
        rounds.tick().await;
        number = number.wrapping_add(1);
        let caught = AssertUnwindSafe(go_round(&world, number)).catch_unwind();
        let why = match tokio::time::timeout(ROUND_MAX, caught).await {
            Ok(Ok(())) => {
                failures = 0;
                continue;
            }
            Ok(Err(_)) => "panicked",
            Err(_) => "did not end",
        };
        world.metrics.steward_restarts.inc();
        let pause_ms = pause_ms(failures);
        failures = failures.saturating_add(1);
        tracing::error!(why, pause_ms, "a round of the steward failed; it begins again");
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
    }
}

fn pause_ms(failures: u32) -> u64 {
    PAUSE_FIRST_MS.saturating_mul(2_u64.saturating_pow(failures)).min(PAUSE_LAST_MS)
}

async fn go_round(world: &Arc<World>, number: u32) {
    let watches = world.watches.all();
    let mut all_renewed = true;
    for some in watches.chunks(ASK_MAX) {
        all_renewed &= renew(world, some).await;
    }
    match world.revocations.catch_up(world.store.revocations.as_ref()).await {
        Ok(()) if all_renewed => world.steward.beats(),
        Ok(()) => {}
        Err(error) => tracing::warn!(%error, "revocations not read"),
    }
    if number.is_multiple_of(ROUNDS_A_LOOK) {
        look_over(world).await;
    }
    if number.is_multiple_of(ROUNDS_A_SWEEP) {
        expire_keys(world).await;
        expire_events(world).await;
        expire_dead_letters(world, clock::now() - DEAD_LETTERS_KEPT_MS).await;
    }
}

/// Renews or ends each; `false` when the store did not say.
async fn renew(world: &World, watches: &[Arc<Watch>]) -> bool {
    // The lease counts from before the question: the answer may have been true only then.
    let until = clock::now() + LEASE_MS;
    let order_ids = watches.iter().map(|watch| watch.order_id.clone()).collect();
    let states = match world.store.orders.orders_watch_state(order_ids).await {
        Ok(states) => states,
        Err(error) => {
            tracing::warn!(%error, watches = watches.len(), "watches not renewed");
            return false;
        }
    };
    let by_order: HashMap<&OrderId, &WatchState> = states.iter().map(|state| (&state.order_id, state)).collect();
    for watch in watches {
        let may = by_order.get(&watch.order_id).is_some_and(|state| {
            state.status.is_active() && state.shared && state.driver_id.as_ref() == Some(&watch.driver_id)
        });
        if may {
            watch.renew(until);
            continue;
        }
        watch.revoke();
        world.watches.sweep(&watch.driver_id);
        if let Some(order) = world.directory.order(&watch.order_id) {
            tell(&order, RecheckOrder);
        }
    }
    true
}

/// Catches what a lost hint hid: orders without an actor, actors behind their order, orders whose placing broke off.
pub(super) async fn look_over(world: &Arc<World>) {
    let known = world.directory.all_orders();
    let open = match world.store.orders.orders_open().await {
        Ok(open) => open,
        Err(error) => {
            tracing::warn!(%error, "open orders not looked over");
            return;
        }
    };
    for some in open.chunks(LOOK_CHUNK) {
        for order in some {
            if order.status == Status::Created && clock::now().since(order.created_at) > ORPHANED_MS {
                go_on(world, order.clone());
            }
            if let Ok(addr) = world.order(&order.order_id) {
                tell(&addr, OrderStands { version: order.version });
            }
        }
        tokio::task::yield_now().await;
    }
    let open: HashSet<&OrderId> = open.iter().map(|order| &order.order_id).collect();
    for (_, addr) in known.iter().filter(|(order_id, _)| !open.contains(order_id)) {
        // Ended, as far as the store knows.
        tell(addr, RecheckOrder);
    }
}

fn go_on(world: &Arc<World>, order: Order) {
    let world = world.clone();
    actix::spawn(async move {
        let order_id = order.order_id.clone();
        if let Err(problem) = desk::settle_payment(&world, order).await {
            tracing::warn!(order.id = %order_id, code = problem.code.as_str(), "order not resumed");
        }
    });
}

async fn expire_events(world: &World) {
    match world.store.feed.events_expire(clock::now() - EVENTS_KEPT_MS).await {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "published events expired"),
        Err(error) => tracing::warn!(%error, "published events not expired"),
    }
}

/// Orders whose dead letter nobody has taken up since before this moment fail.
pub(super) async fn expire_dead_letters(world: &Arc<World>, before: Millis) {
    let oldest = match world.store.feed.dead_letters("orders".to_owned(), None, FEED_MAX_PAGE).await {
        Ok(oldest) => oldest,
        Err(error) => {
            tracing::warn!(%error, "dead letters not looked through");
            return;
        }
    };
    for order_id in oldest.into_iter().filter(|letter| letter.at < before).filter_map(|letter| letter.order_id) {
        let request = desk::Request::new(order_id.clone(), Step::Fail, By::System);
        let request = desk::Request { reason: Some("nobody took up its dead letter".to_owned()), ..request };
        if let Err(problem) = desk::take_step(world, request).await {
            tracing::warn!(order.id = %order_id, code = problem.code.as_str(), "dead letter not expired");
        }
    }
}

async fn expire_keys(world: &World) {
    match world.store.orders.keys_expire(clock::now() - IDEMPOTENCY_TTL_MS).await {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "idempotency keys expired"),
        Err(error) => tracing::warn!(%error, "idempotency keys not expired"),
    }
}
