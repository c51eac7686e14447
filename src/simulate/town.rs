//! One city on one node: its drivers, its orders, and the count of both, from the first connection to the last goodbye.

use super::api::Api;
use super::city::City;
use super::courier::Courier;
use super::customer;
use super::driver::Driver;
use super::driver::Habits;
use super::ledger::Suspicion;
use super::line::Exchange;
use super::plan;
use super::plan::OrderPlan;
use super::plan::Orders;
use super::plan::Shape;
use super::run::SimulateOptions;
use super::summary::Lived;
use super::summary::Summary;
use super::tally::Count;
use super::tally::Tally;
use super::token::Mint;
use super::token::Person;
use super::token::Role;
use super::wire::Order;
use super::wire::Status;
use anyhow::Context;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Orders being placed or watched at once; more are not placed.
const LIVE_ORDERS_MAX: usize = 2_000;
/// Time for sockets to say goodbye at the end.
const GOODBYE: Duration = Duration::from_millis(500);
/// Time between two looks for what was assigned twice.
const INSPECT_EVERY: Duration = Duration::from_secs(1);
/// Orders looked at, at once and for how long altogether, to learn at the end what nobody heard of.
const LOOKING_MAX: usize = 16;
const LOOK_AT_MOST: Duration = Duration::from_secs(20);
/// States in which an order of an earlier run is still under way.
const UNDER_WAY: [Status; 7] = [
    Status::Created,
    Status::Paid,
    Status::Searching,
    Status::Assigned,
    Status::AtPickup,
    Status::PickedUp,
    Status::AtDropoff,
];

/// See the module.
pub(crate) struct Town {
    exchange: Arc<Exchange>,
    people: JoinSet<()>,
    drivers: usize,
    began: Instant,
    orders_from: Instant,
    watches_all: bool,
}

impl Town {
    /// Everybody comes; the first order is placed after the warm-up.
    pub(crate) fn open(city: &Arc<City>, options: &SimulateOptions, began: Instant) -> anyhow::Result<Self> {
        let tally = Arc::new(Tally::new());
        let api = Api::new(&options.url, Mint::new(&options.secret), tally).context("starting the HTTP client")?;
        let exchange = Arc::new(Exchange::new(Arc::new(api)));
        let mut people = JoinSet::new();
        let habits = Habits {
            fix_every: options.fix_interval,
            answer: options.answer,
            declines: options.declines,
            ..Habits::default()
        };
        let shape = Shape {
            no_opening: !options.warm_up.is_zero() || options.tide > 0.0,
            tide: options.tide,
            prep: options.prep,
            trip: options.trip,
        };
        for plan in plan::drivers(city, options.seed, options.drivers, shape) {
            let courier = Courier::new(Arc::clone(city), &plan, options.seed, jiff::Timestamp::now().as_millisecond());
            people.spawn(Driver::new(&exchange, courier.with_trip(options.trip), &plan, habits).drive());
        }
        let live = Arc::new(Semaphore::new(LIVE_ORDERS_MAX));
        people.spawn(resume_orders(Arc::clone(&exchange), Arc::clone(&live)));
        people.spawn(inspect(Arc::clone(&exchange)));
        let orders = Orders::new(Arc::clone(city), options.seed, options.orders_per_minute).shaped(shape);
        let orders_from = began + options.warm_up;
        let placing =
            Placing { exchange: Arc::clone(&exchange), live, from: orders_from, watch_share: options.watch_share };
        people.spawn(placing.place(orders));
        let watches_all = options.watch_share >= 1.0;
        Ok(Self { exchange, people, drivers: options.drivers, began, orders_from, watches_all })
    }

    /// How it goes.
    pub(crate) fn so_far(&self) -> Summary {
        let lived = Lived { total: self.began.elapsed(), ordering: Instant::now().duration_since(self.orders_from) };
        let mut summary = Summary::of(&self.exchange.api.tally, self.drivers, lived);
        summary.orders.waiting = self.exchange.ledger.waiting();
        summary
    }

    /// Everybody leaves; tells how it went.
    pub(crate) async fn close(mut self) -> Summary {
        let so_far = self.so_far();
        // Dropping a person drops their line, whose own task then closes the socket.
        self.people.shutdown().await;
        tokio::time::sleep(GOODBYE).await;
        if self.watches_all {
            return so_far;
        }
        // What ended unheard of, unwatched and without a driver, is looked up.
        let _ = tokio::time::timeout(LOOK_AT_MOST, look_at_the_rest(&self.exchange)).await;
        let settled = self.so_far();
        let mut orders = settled.orders;
        orders.placed = so_far.orders.placed;
        Summary { orders, double_assignments: settled.double_assignments, ..so_far }
    }
}

/// Places each order when its time comes.
struct Placing {
    exchange: Arc<Exchange>,
    live: Arc<Semaphore>,
    from: Instant,
    watch_share: f64,
}

impl Placing {
    async fn place(self, orders: Orders) {
        // Keys of one run must not meet those of another: the same seed orders the same things again.
        let run_id = rand::random::<u64>();
        let mut open = JoinSet::new();
        for plan in orders {
            let OrderPlan { at, number, .. } = plan;
            tokio::time::sleep_until(self.from + at).await;
            while open.try_join_next().is_some() {}
            let Ok(permit) = Arc::clone(&self.live).try_acquire_owned() else {
                self.exchange.api.tally.one(Count::OrdersSkipped);
                continue;
            };
            let exchange = Arc::clone(&self.exchange);
            let is_watched = is_watched(number, self.watch_share);
            open.spawn(async move {
                if is_watched {
                    customer::order(exchange, plan, run_id).await;
                } else {
                    customer::order_unwatched(exchange, plan, run_id).await;
                }
                drop(permit);
            });
        }
        while open.join_next().await.is_some() {}
    }
}

/// Spreads those watched evenly among all.
#[allow(clippy::cast_precision_loss)]
fn is_watched(number: usize, share: f64) -> bool {
    let up_to = |number: usize| (number as f64 * share.clamp(0.0, 1.0)).floor();
    up_to(number) > up_to(number.saturating_sub(1))
}

/// Takes up what an earlier run of the city has left under way, so that a restart of both ends loses no order.
async fn resume_orders(exchange: Arc<Exchange>, live: Arc<Semaphore>) {
    let Ok(orders) = exchange.api.orders_in(&everybody(), &UNDER_WAY).await else { return };
    let mut open = JoinSet::new();
    let ours = |id: &Option<String>| id.as_ref().is_some_and(|id| id.starts_with('C'));
    for order in orders.into_iter().filter(|order| ours(&order.customer_id)) {
        let Ok(permit) = Arc::clone(&live).try_acquire_owned() else { return };
        let going_on = customer::resume(Arc::clone(&exchange), order);
        open.spawn(async move {
            going_on.await;
            drop(permit);
        });
    }
    while open.join_next().await.is_some() {}
}

/// Asks the server about each suspicion of a double assignment: words over two sockets may be out of step, what it has stored is not.
async fn inspect(exchange: Arc<Exchange>) {
    loop {
        tokio::time::sleep(INSPECT_EVERY).await;
        while let Some(suspicion) = exchange.ledger.suspicion() {
            let Suspicion { earlier_order, later_order, .. } = &suspicion;
            // The earlier one first: while it is still carried, the later one, given to the driver before this question, must be none of theirs.
            let earlier = exchange.api.order(&everybody(), earlier_order).await;
            let later = exchange.api.order(&everybody(), later_order).await;
            if let (Ok(earlier), Ok(later)) = (earlier, later)
                && is_double(&suspicion, &earlier, &later)
            {
                exchange.ledger.confirmed(&suspicion);
            }
        }
    }
}

fn is_double(suspicion: &Suspicion, earlier: &Order, later: &Order) -> bool {
    let theirs = |order: &Order| order.status.is_active() && order.driver_id.as_ref() == Some(&suspicion.driver_id);
    theirs(earlier) && theirs(later) && earlier.assignment_id != later.assignment_id
}

async fn look_at_the_rest(exchange: &Arc<Exchange>) {
    let mut looking = JoinSet::new();
    for order_id in exchange.ledger.open_orders() {
        if looking.len() >= LOOKING_MAX {
            looking.join_next().await;
        }
        let exchange = Arc::clone(exchange);
        looking.spawn(async move {
            if let Ok(order) = exchange.api.order(&everybody(), &order_id).await {
                exchange.ledger.looked_at(&order);
            }
        });
    }
    while looking.join_next().await.is_some() {}
}

/// Somebody who sees every order.
fn everybody() -> Person {
    Person::new(Role::Service, "city")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watched_are_spread_evenly() {
        let watched = |share| (1..=1_000).filter(|number| is_watched(*number, share)).collect::<Vec<_>>();
        assert_eq!((watched(1.0).len(), watched(0.0).len(), watched(7.0).len()), (1_000, 0, 1_000));
        let some = watched(0.05);
        assert_eq!(some.len(), 50);
        assert!(some.windows(2).all(|pair| pair[1] - pair[0] == 20), "{some:?}");
    }
}
