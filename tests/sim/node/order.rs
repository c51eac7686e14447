//! An order's cache: passes its events to those who follow it, in order and without a gap, and keeps it announced to the cell of its pickup while it
//! looks for a driver.

use crate::exec::Owner;
use crate::sim::Here;
use crate::stream::Stream;
use crate::switches::Switch;
use beeline::domain::dispatch::OfferOutcome;
use beeline::domain::ids::DriverId;
use beeline::domain::ids::OfferId;
use beeline::domain::ids::OrderId;
use beeline::domain::order::Order;
use beeline::domain::order::OrderEvent;
use beeline::domain::order::Status;
use beeline::store::StoreResult;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

/// Pause before an order that could not be read is read again, in milliseconds.
const RETRY_MS: i64 = 1_000;

/// See the module.
#[derive(Default)]
pub struct OrderCache {
    pub order: Option<Arc<Order>>,
    events: Vec<OrderEvent>,
    refused_by: HashSet<DriverId>,
    followers: Vec<Follower>,
    is_rechecking: bool,
    recheck_again: bool,
}

struct Follower {
    stream: Rc<Stream>,
    told: i64,
}

/// What the store says about an order.
struct Loaded {
    order: Order,
    events: Vec<OrderEvent>,
    refused_by: Vec<DriverId>,
}

impl OrderCache {
    pub fn version(&self) -> i64 {
        self.order.as_ref().map_or(0, |order| order.version)
    }

    fn tell_followers(&mut self, here: &Here) {
        for follower in &mut self.followers {
            for event in self.events.iter().filter(|event| event.seq > follower.told) {
                follower.stream.push(&here.sim, event.clone());
            }
            follower.told = follower.told.max(self.events.last().map_or(0, |event| event.seq));
        }
        self.followers.retain(|follower| follower.stream.is_open.get());
    }
}

impl Here {
    /// Sees to it that the order has a cache.
    pub fn order_here(&self, order_id: &OrderId) {
        let is_new = !self.me().borrow().orders.contains_key(order_id);
        if is_new {
            self.me().borrow_mut().orders.insert(order_id.clone(), OrderCache::default());
            self.recheck(order_id);
        }
    }

    fn with_order<T>(&self, order_id: &OrderId, work: impl FnOnce(&mut OrderCache) -> T) -> T {
        work(self.me().borrow_mut().orders.entry(order_id.clone()).or_default())
    }

    /// A hint: this was committed.
    pub fn order_committed(&self, order: Rc<Order>, events: Vec<OrderEvent>, refused_by: Option<DriverId>) {
        let order_id = order.order_id.clone();
        self.order_here(&order_id);
        let is_careless = self.is_broken(Switch::NoGapTest);
        let is_gapless = self.with_order(&order_id, |cache| {
            let known = cache.version();
            if order.version <= known {
                return true;
            }
            cache.refused_by.extend(refused_by);
            let news: Vec<OrderEvent> = events.into_iter().filter(|event| event.seq > known).collect();
            let follows = news.first().is_some_and(|event| event.seq == known + 1) && cache.order.is_some();
            if follows || is_careless {
                cache.order = Some(Arc::new(order.as_ref().clone()));
                cache.events.extend(news);
                cache.tell_followers(self);
            }
            follows || is_careless
        });
        self.announce(&order_id);
        if !is_gapless {
            self.recheck(&order_id);
        }
    }

    /// Reads the store; wishes that come meanwhile lead to one more look.
    pub fn recheck(&self, order_id: &OrderId) {
        let known = self.with_order(order_id, |cache| {
            cache.recheck_again = cache.is_rechecking;
            let is_free = !cache.is_rechecking;
            cache.is_rechecking = true;
            is_free.then(|| cache.version())
        });
        let Some(mut known) = known else { return };
        let (here, order_id) = (self.clone(), order_id.clone());
        self.spawn(async move {
            loop {
                match here.load_order(&order_id, known).await {
                    Ok(loaded) => here.adopt(&order_id, loaded),
                    Err(_) => {
                        here.exec.sleep(RETRY_MS).await;
                        continue;
                    }
                }
                let again = here.with_order(&order_id, |cache| {
                    cache.is_rechecking = std::mem::take(&mut cache.recheck_again);
                    cache.is_rechecking.then(|| cache.version())
                });
                let Some(version) = again else { return };
                known = version;
            }
        });
    }

    async fn load_order(&self, order_id: &OrderId, after: i64) -> StoreResult<Option<Loaded>> {
        let Some(order) = self.read(|store| store.orders.get(order_id).cloned()).await? else { return Ok(None) };
        let mut events = self.read(|store| store.order_events(order_id, after)).await?;
        events.retain(|event| event.seq <= order.version);
        let refused_by = if order.status == Status::Searching {
            self.read(|store| store.order_refusals(order_id)).await?
        } else {
            Vec::new()
        };
        Ok(Some(Loaded { order, events, refused_by }))
    }

    fn adopt(&self, order_id: &OrderId, loaded: Option<Loaded>) {
        let Some(loaded) = loaded else { return };
        self.with_order(order_id, |cache| {
            let known = cache.version();
            if loaded.order.version < known {
                return;
            }
            cache.refused_by.extend(loaded.refused_by);
            cache.events.extend(loaded.events.into_iter().filter(|event| event.seq > known));
            cache.order = Some(Arc::new(loaded.order));
            cache.tell_followers(self);
        });
        self.announce(order_id);
    }

    /// From the steward: the store has the order at this version.
    pub fn order_stands(&self, order_id: &OrderId, version: i64) {
        self.order_here(order_id);
        if self.with_order(order_id, |cache| cache.version()) < version {
            self.recheck(order_id);
        }
    }

    /// Keeps the pickup's cell informed, if it is one of this node's.
    pub fn announce(&self, order_id: &OrderId) {
        let known =
            self.with_order(order_id, |cache| cache.order.clone().map(|order| (order, cache.refused_by.clone())));
        let Some((order, refused_by)) = known else { return };
        if order.status == Status::Searching && !order.is_parked() {
            self.open_order(order, refused_by);
        } else {
            self.close_order(&order);
        }
    }

    /// An offer of the order came to nothing.
    pub fn offer_ended(&self, order_id: &OrderId, offer_id: &OfferId, driver_id: &DriverId, outcome: OfferOutcome) {
        self.order_here(order_id);
        let order = self.with_order(order_id, |cache| {
            if outcome.is_refusal() {
                cache.refused_by.insert(driver_id.clone());
            }
            cache.order.clone()
        });
        if let Some(order) = order {
            self.end_offer_in_cell(&order, (offer_id, driver_id), outcome);
        }
    }

    /// A watcher wants every event above `after`, and all that follow.
    pub fn subscribe(&self, stream: u64, order_id: &OrderId, after: i64) {
        let Some(stream) = self.streams.borrow().get(&stream).cloned() else { return };
        self.order_here(order_id);
        self.with_order(order_id, |cache| {
            // A message that came twice: one is enough.
            if !cache.followers.iter().any(|follower| follower.stream.number == stream.number) {
                cache.followers.push(Follower { stream, told: after });
                cache.tell_followers(self);
            }
        });
    }

    /// The node is gone: whoever followed an order here notices sooner or later.
    pub fn cut_streams(&self) {
        let (sim, node) = (self.sim.clone(), self.node);
        for stream in sim.streams.borrow().values().filter(|stream| stream.node == node) {
            stream.is_open.set(false);
        }
        // Nothing of the dead node may go on by way of its tasks.
        sim.exec.kill(Owner::Node(node));
    }
}
