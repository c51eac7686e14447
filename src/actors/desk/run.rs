//! How every command comes to its commit: load, ask the rules, compare-and-set, again when somebody else was first; then the hints.

use super::TRIES;
use super::measure::measure;
use crate::actors::driver::EndOffer;
use crate::actors::driver::ReloadDriver;
use crate::actors::mailbox::tell;
use crate::actors::order::OrderCommitted;
use crate::actors::world::World;
use crate::clock;
use crate::domain::dispatch::Command;
use crate::domain::dispatch::Commit;
use crate::domain::dispatch::OrderChange;
use crate::domain::dispatch::Refusal;
use crate::domain::driver::Driver;
use crate::domain::ids::DriverId;
use crate::domain::ids::OrderId;
use crate::domain::order::Order;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use crate::store::Conflict;
use crate::store::StoreError;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a command is about.
#[derive(Debug, Clone)]
pub(super) struct About {
    /// The orders, in the sequence the rules want them.
    pub(super) order_ids: Vec<OrderId>,
    /// The driver whose row the rules want to see.
    pub(super) driver_id: Option<DriverId>,
}

impl About {
    /// One order, and nobody.
    pub(super) fn order(order_id: OrderId) -> Self {
        Self { order_ids: vec![order_id], driver_id: None }
    }
}

/// What the store has of it.
pub(super) struct Loaded {
    /// The orders.
    pub(super) orders: Vec<Order>,
    /// The driver; one nobody has heard of is a new one, whom the commit will refuse.
    pub(super) driver: Option<Driver>,
}

/// Why nothing was committed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The rules say no, to these orders.
    Refused(Refusal, Vec<Order>),
    /// One of the orders does not exist.
    NotFound,
    /// Somebody else was first, time and again.
    Restless,
    /// The store says no.
    Store(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Failure {
    /// What a client is told.
    pub(super) fn problem(&self, refused: impl FnOnce(Refusal, &[Order]) -> Problem) -> Problem {
        match self {
            Self::Refused(refusal, orders) => refused(*refusal, orders),
            Self::NotFound => Problem::new(Code::NotFound),
            Self::Restless => Problem::new(Code::Conflict).detail("This keeps changing: try again."),
            Self::Store(error) => super::store_problem(error),
        }
    }
}

/// Loads, asks the rules, commits; again when somebody else was first. Answers with the orders after it.
pub(super) async fn run(
    world: &Arc<World>,
    about: &About,
    decide: impl Fn(&mut Command<'_>, &Loaded) -> Result<Commit, Refusal>,
) -> Result<Vec<Arc<Order>>, Failure> {
    for _ in 0..TRIES {
        let loaded = load(world, about).await?;
        let whereabouts = |driver_id: &DriverId| world.live.get(driver_id).map(|live| live.fix.position);
        let mut fresh = clock::fresh_id;
        let mut command = Command { now: clock::now(), fresh: &mut fresh, whereabouts: &whereabouts };
        let commit = match decide(&mut command, &loaded) {
            Ok(commit) => commit,
            Err(refusal) => return Err(Failure::Refused(refusal, loaded.orders)),
        };
        match world.store.orders.order_commit(commit.clone()).await {
            Ok(()) => return Ok(announce(world, &loaded.orders, commit)),
            Err(StoreError::Conflict(Conflict::OrderChanged | Conflict::DriverChanged)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Failure::Restless)
}

async fn load(world: &World, about: &About) -> Result<Loaded, Failure> {
    let orders = world.store.orders.orders_fetch(about.order_ids.clone()).await?;
    if orders.len() != about.order_ids.len() {
        return Err(Failure::NotFound);
    }
    let driver = match &about.driver_id {
        None => None,
        Some(driver_id) => {
            let stored = world.store.drivers.driver_fetch(driver_id.clone()).await?;
            Some(stored.unwrap_or_else(|| Driver::new(driver_id.clone())))
        }
    };
    Ok(Loaded { orders, driver })
}

/// Tells the orders' actors, and the drivers concerned, what was committed.
pub(super) fn announce(world: &Arc<World>, before: &[Order], commit: Commit) -> Vec<Arc<Order>> {
    measure(world, before, &commit);
    let mut drivers: BTreeSet<DriverId> = before.iter().filter_map(|order| order.driver_id.clone()).collect();
    drivers.extend(commit.changes.iter().filter_map(|change| change.order.driver_id.clone()));
    if let Some(offer) = &commit.offer {
        let asked = commit.refused_by.iter().chain(&drivers);
        for driver in asked.filter_map(|driver_id| world.directory.driver(driver_id)) {
            let order_ids = before.iter().map(|order| order.order_id.clone()).collect();
            tell(&driver, EndOffer { offer_id: offer.offer_id.clone(), order_ids, outcome: offer.outcome });
        }
    }
    let mut orders = Vec::with_capacity(commit.changes.len());
    for OrderChange { order, events, .. } in commit.changes {
        let order = Arc::new(order);
        match world.order(&order.order_id) {
            Ok(addr) => {
                tell(&addr, OrderCommitted { order: order.clone(), events, refused_by: commit.refused_by.clone() });
            }
            Err(error) => tracing::warn!(order.id = %order.order_id, %error, "order not published yet"),
        }
        orders.push(order);
    }
    for driver_id in drivers {
        if let Some(driver) = world.directory.driver(&driver_id) {
            tell(&driver, ReloadDriver);
        }
    }
    orders
}
