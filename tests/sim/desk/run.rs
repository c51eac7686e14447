//! How every command comes to its commit.

use crate::node::Hint;
use crate::protocol::Problem;
use crate::protocol::Reply;
use crate::sim::Here;
use beeline::domain::dispatch::Command;
use beeline::domain::dispatch::Commit;
use beeline::domain::dispatch::OrderChange;
use beeline::domain::dispatch::Refusal;
use beeline::domain::driver::Driver;
use beeline::domain::ids::DriverId;
use beeline::domain::ids::OrderId;
use beeline::domain::order::Order;
use beeline::domain::order::Refused;
use beeline::store::Conflict;
use beeline::store::StoreError;
use std::collections::BTreeSet;
use std::rc::Rc;

/// Tries at a compare-and-set that somebody else keeps winning.
pub const TRIES: u32 = 8;

/// What a command is about.
pub struct About {
    pub order_ids: Vec<OrderId>,
    pub driver_id: Option<DriverId>,
}

impl About {
    pub fn order(order_id: &OrderId) -> Self {
        Self { order_ids: vec![order_id.clone()], driver_id: None }
    }
}

/// What the store has of it.
pub struct Loaded {
    pub orders: Vec<Order>,
    pub driver: Option<Driver>,
}

/// Why nothing was committed.
#[derive(Debug)]
pub enum Failure {
    Refused(Refusal, Vec<Order>),
    NotFound,
    Restless,
    Store(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Failure {
    pub fn problem(&self, refused: impl FnOnce(Refusal) -> Problem) -> Problem {
        match self {
            Self::Refused(refusal, _) => refused(*refusal),
            Self::NotFound => Problem::NotFound,
            Self::Restless => Problem::Conflict,
            Self::Store(error) => error.into(),
        }
    }
}

impl Here {
    /// Loads, asks the rules, commits. Answers with the orders after it.
    pub async fn run(
        &self,
        about: About,
        decide: impl Fn(&mut Command<'_>, &Loaded) -> Result<Commit, Refusal>,
    ) -> Result<Vec<Order>, Failure> {
        for _ in 0..TRIES {
            let loaded = self.load(&about).await?;
            let commit = match self.ask_rules(|command| decide(command, &loaded)) {
                Ok(commit) => commit,
                Err(refusal) => return Err(Failure::Refused(refusal, loaded.orders)),
            };
            match self.order_commit(commit.clone()).await {
                Ok(()) => return Ok(self.announce_commit(&loaded.orders, commit)),
                Err(StoreError::Conflict(Conflict::OrderChanged | Conflict::DriverChanged)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Failure::Restless)
    }

    /// What the rules make of it now.
    pub fn ask_rules<T>(&self, decide: impl FnOnce(&mut Command<'_>) -> T) -> T {
        let whereabouts = |driver_id: &DriverId| self.streets.borrow().get(driver_id).map(|at| at.position);
        let mut fresh = || self.fresh_id();
        decide(&mut Command { now: self.now(), fresh: &mut fresh, whereabouts: &whereabouts })
    }

    async fn load(&self, about: &About) -> Result<Loaded, Failure> {
        let orders = self.read(|store| store.orders_fetch(&about.order_ids)).await?;
        if orders.len() != about.order_ids.len() {
            return Err(Failure::NotFound);
        }
        let driver = match &about.driver_id {
            None => None,
            Some(driver_id) => {
                let stored = self.read(|store| store.drivers.get(driver_id).cloned()).await?;
                Some(stored.unwrap_or_else(|| Driver::new(driver_id.clone())))
            }
        };
        Ok(Loaded { orders, driver })
    }

    /// Tells the orders' caches, and the drivers concerned, what was committed.
    pub fn announce_commit(&self, before: &[Order], commit: Commit) -> Vec<Order> {
        let mut drivers: BTreeSet<DriverId> = before.iter().filter_map(|order| order.driver_id.clone()).collect();
        drivers.extend(commit.changes.iter().filter_map(|change| change.order.driver_id.clone()));
        if let Some(offer) = &commit.offer {
            let order_ids: Vec<OrderId> = before.iter().map(|order| order.order_id.clone()).collect();
            for driver_id in commit.refused_by.iter().chain(&drivers) {
                let (driver_id, offer_id, order_ids) = (driver_id.clone(), offer.offer_id.clone(), order_ids.clone());
                self.hint(Hint::EndOffer { driver_id, offer_id, order_ids, outcome: offer.outcome });
            }
        }
        let mut orders = Vec::with_capacity(commit.changes.len());
        for OrderChange { order, events, .. } in commit.changes {
            let refused_by = commit.refused_by.clone();
            self.hint(Hint::OrderCommitted { order: Rc::new(order.clone()), events, refused_by });
            orders.push(order);
        }
        for driver_id in drivers {
            self.hint(Hint::ReloadDriver { driver_id });
        }
        orders
    }
}

/// The one order of a command, or what its asker is told.
pub fn one(done: Result<Vec<Order>, Failure>) -> Reply {
    match done {
        Ok(orders) => first(orders),
        Err(Failure::Refused(Refusal::Step(Refused::AlreadyTaken), orders)) => first(orders),
        Err(failure) => Reply::Refused(failure.problem(|refusal| match refusal {
            Refusal::Outdated => Problem::Conflict,
            Refusal::Step(Refused::Illegal) => Problem::Illegal,
            _ => Problem::NotFound,
        })),
    }
}

fn first(orders: Vec<Order>) -> Reply {
    orders.into_iter().next().map_or(Reply::Refused(Problem::NotFound), |order| Reply::Order(Box::new(order)))
}
