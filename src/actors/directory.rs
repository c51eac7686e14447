//! The directory: where the actor of a driver, a cell or an order lives, and on which worker thread a new one starts.
//!
//! A dead address is noticed at the next look-up and replaced; the new actor reloads from the store.

use crate::domain::cell::CellId;
use crate::domain::ids::DriverId;
use crate::domain::ids::OrderId;
use actix::Actor;
use actix::Addr;
use actix::ArbiterHandle;
use actix::Context;
use dashmap::DashMap;
use parking_lot::RwLock;
use std::hash::BuildHasher;
use std::hash::Hash;
use std::hash::RandomState;

use crate::actors::cell::Cell;
use crate::actors::driver::DriverActor;
use crate::actors::order::OrderActor;

/// See the module.
pub struct Directory {
    workers: RwLock<Vec<ArbiterHandle>>,
    hasher: RandomState,
    drivers: DashMap<DriverId, Addr<DriverActor>>,
    cells: DashMap<CellId, Addr<Cell>>,
    orders: DashMap<OrderId, Addr<OrderActor>>,
}

/// No worker thread has reported yet: the node is still starting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no worker thread is ready")]
pub struct NotReady;

impl Default for Directory {
    fn default() -> Self {
        Self {
            workers: RwLock::default(),
            hasher: RandomState::new(),
            drivers: DashMap::new(),
            cells: DashMap::new(),
            orders: DashMap::new(),
        }
    }
}

impl Directory {
    /// Makes a worker thread known. Each calls this once as it starts.
    pub fn add_worker(&self, worker: ArbiterHandle) {
        self.workers.write().push(worker);
    }

    /// How many worker threads are known.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.workers.read().len()
    }

    /// Starts an actor on the worker that `key` hashes to.
    pub fn start<A, K, F>(&self, key: &K, make: F) -> Result<Addr<A>, NotReady>
    where
        A: Actor<Context = Context<A>>,
        K: Hash + ?Sized,
        F: FnOnce(&mut Context<A>) -> A + Send + 'static,
    {
        let workers = self.workers.read();
        let hash = self.hasher.hash_one(key);
        let slot = usize::try_from(hash).unwrap_or(0).checked_rem(workers.len()).ok_or(NotReady)?;
        Ok(A::start_in_arbiter(&workers[slot], make))
    }

    /// The driver's actor, if one lives.
    #[must_use]
    pub fn driver(&self, driver_id: &DriverId) -> Option<Addr<DriverActor>> {
        self.drivers.get(driver_id).filter(|addr| addr.connected()).map(|addr| addr.clone())
    }

    /// The driver's actor, made by `make` where none lives.
    pub fn driver_or(
        &self,
        driver_id: &DriverId,
        make: impl FnOnce() -> Result<Addr<DriverActor>, NotReady>,
    ) -> Result<Addr<DriverActor>, NotReady> {
        find_or_make(&self.drivers, driver_id, make)
    }

    /// The cell's actor, if one lives.
    #[must_use]
    pub fn cell(&self, cell: CellId) -> Option<Addr<Cell>> {
        self.cells.get(&cell).filter(|addr| addr.connected()).map(|addr| addr.clone())
    }

    /// The cell's actor, made by `make` where none lives.
    pub fn cell_or(
        &self,
        cell: CellId,
        make: impl FnOnce() -> Result<Addr<Cell>, NotReady>,
    ) -> Result<Addr<Cell>, NotReady> {
        find_or_make(&self.cells, &cell, make)
    }

    /// The order's actor, if one lives.
    #[must_use]
    pub fn order(&self, order_id: &OrderId) -> Option<Addr<OrderActor>> {
        self.orders.get(order_id).filter(|addr| addr.connected()).map(|addr| addr.clone())
    }

    /// The order's actor, made by `make` where none lives.
    pub fn order_or(
        &self,
        order_id: &OrderId,
        make: impl FnOnce() -> Result<Addr<OrderActor>, NotReady>,
    ) -> Result<Addr<OrderActor>, NotReady> {
        find_or_make(&self.orders, order_id, make)
    }

    /// Every cell that lives.
    #[must_use]
    pub fn all_cells(&self) -> Vec<Addr<Cell>> {
        self.cells.iter().map(|entry| entry.value().clone()).collect()
    }

    /// Every driver actor that lives.
    #[must_use]
    pub fn all_drivers(&self) -> Vec<Addr<DriverActor>> {
        self.drivers.iter().map(|entry| entry.value().clone()).collect()
    }

    /// Every order actor that lives.
    #[must_use]
    pub fn all_orders(&self) -> Vec<(OrderId, Addr<OrderActor>)> {
        let connected = self.orders.iter().filter(|entry| entry.value().connected());
        connected.map(|entry| (entry.key().clone(), entry.value().clone())).collect()
    }

    /// How many cells and orders live.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (self.cells.len(), self.orders.len())
    }

    /// Strikes a driver's actor off, unless another has taken its place.
    pub fn remove_driver(&self, driver_id: &DriverId, addr: &Addr<DriverActor>) {
        self.drivers.remove_if(driver_id, |_, listed| listed == addr);
    }

    /// Strikes a cell off, unless another has taken its place.
    pub fn remove_cell(&self, cell: CellId, addr: &Addr<Cell>) {
        self.cells.remove_if(&cell, |_, listed| listed == addr);
    }

    /// Strikes an order's actor off, unless another has taken its place.
    pub fn remove_order(&self, order_id: &OrderId, addr: &Addr<OrderActor>) {
        self.orders.remove_if(order_id, |_, listed| listed == addr);
    }
}

fn find_or_make<K, A>(
    map: &DashMap<K, Addr<A>>,
    key: &K,
    make: impl FnOnce() -> Result<Addr<A>, NotReady>,
) -> Result<Addr<A>, NotReady>
where
    K: Hash + Eq + Clone,
    A: Actor,
{
    if let Some(addr) = map.get(key).filter(|addr| addr.connected()) {
        return Ok(addr.clone());
    }
    // Two threads may come here for the same key: the entry's lock lets one of them make the actor.
    let mut entry = match map.entry(key.clone()) {
        dashmap::Entry::Occupied(listed) if listed.get().connected() => return Ok(listed.get().clone()),
        dashmap::Entry::Occupied(dead) => dead.into_ref(),
        dashmap::Entry::Vacant(free) => return Ok(free.insert(make()?).clone()),
    };
    *entry = make()?;
    Ok(entry.clone())
}
