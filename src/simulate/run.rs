//! Brings the city to life and to its end: starts drivers and orders, shows the counts, and stops all of it when told to.

use super::api::Api;
use super::city::City;
use super::courier::Courier;
use super::customer;
use super::driver::Driver;
use super::driver::Habits;
use super::line::Exchange;
use super::plan;
use super::plan::OrderPlan;
use super::plan::Orders;
use super::summary::Summary;
use super::tally::Count;
use super::tally::Tally;
use super::token::Mint;
use super::token::Person;
use super::token::Role;
use super::ui::Display;
use super::wire::Status;
use anyhow::Context;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Orders watched at once; more are not placed.
const LIVE_ORDERS_MAX: usize = 2_000;
/// Time between two refreshes of the counts.
const SHOW_EVERY: Duration = Duration::from_millis(500);
/// Time for sockets to say goodbye at the end.
const GOODBYE: Duration = Duration::from_millis(500);
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

/// What to simulate, and where.
#[derive(Debug, Clone)]
pub struct SimulateOptions {
    /// A node: `http://host:port` or `https://host:port`.
    pub url: String,
    /// The HS256 secret of the deployment, to mint tokens for everybody in the city.
    pub secret: Vec<u8>,
    /// Drivers, `D001` onward.
    pub drivers: usize,
    /// Orders placed per minute, on average; three times that in the first minute. 0 for none.
    pub orders_per_minute: f64,
    /// The same seed gives the same drivers, restaurants and orders.
    pub seed: u64,
    /// Ends by itself after this.
    pub duration: Option<Duration>,
    /// No live counts. Violations are told all the same.
    pub quiet: bool,
    /// Time between two fixes of a driver.
    pub fix_interval: Duration,
}

impl Default for SimulateOptions {
    /// 200 drivers and 15 orders per minute: about half of the drivers are busy.
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:8080".to_owned(),
            secret: Vec::new(),
            drivers: 200,
            orders_per_minute: 15.0,
            seed: 1,
            duration: None,
            quiet: false,
            fix_interval: Duration::from_secs(3),
        }
    }
}

/// Runs the city until `stop` resolves or the duration is over, and tells how it went.
///
/// A server that goes away meanwhile is waited for; what is under way goes on when it is back. Nothing of this fails the run.
///
/// # Errors
/// The program was built without a usable map, or the HTTP client cannot start (no TLS roots, say).
pub async fn run(options: SimulateOptions, stop: impl Future<Output = ()>) -> anyhow::Result<Summary> {
    let seed = options.seed;
    let city = tokio::task::spawn_blocking(move || City::florence(seed)).await.context("building the city")??;
    let city = Arc::new(city);
    let tally = Arc::new(Tally::new());
    let api =
        Api::new(&options.url, Mint::new(&options.secret), Arc::clone(&tally)).context("starting the HTTP client")?;
    let exchange = Arc::new(Exchange::new(Arc::new(api)));

    let began = Instant::now();
    let mut people = JoinSet::new();
    let habits = Habits { fix_every: options.fix_interval, ..Habits::default() };
    for plan in plan::drivers(&city, seed, options.drivers) {
        let courier = Courier::new(Arc::clone(&city), &plan, seed, jiff::Timestamp::now().as_millisecond());
        people.spawn(Driver::new(&exchange, courier, &plan, habits).drive());
    }
    let live = Arc::new(Semaphore::new(LIVE_ORDERS_MAX));
    people.spawn(resume_orders(Arc::clone(&exchange), Arc::clone(&live)));
    let orders = Orders::new(Arc::clone(&city), seed, options.orders_per_minute);
    people.spawn(place_orders(Arc::clone(&exchange), live, orders));

    let mut display = Display::new(options.quiet);
    let so_far = || Summary::of(&tally, options.drivers, began.elapsed());
    let over = async {
        match options.duration {
            Some(duration) => tokio::time::sleep_until(began + duration).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(stop, over);
    let mut refresh = tokio::time::interval(SHOW_EVERY);
    loop {
        tokio::select! {
            () = &mut stop => break,
            () = &mut over => break,
            _ = refresh.tick() => display.show(&so_far()),
        }
    }
    let summary = so_far();
    display.show(&summary);
    display.finish();
    // Dropping a person drops their line, whose own task then closes the socket.
    people.shutdown().await;
    tokio::time::sleep(GOODBYE).await;
    Ok(summary)
}

/// Places each order when its time comes, and watches it in a task of its own.
async fn place_orders(exchange: Arc<Exchange>, live: Arc<Semaphore>, orders: Orders) {
    let began = Instant::now();
    // Keys of one run must not meet those of another: the same seed orders the same things again.
    let run_id = rand::random::<u64>();
    let mut open = JoinSet::new();
    for plan in orders {
        let OrderPlan { at, .. } = plan;
        tokio::time::sleep_until(began + at).await;
        while open.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&live).try_acquire_owned() else {
            exchange.api.tally.one(Count::OrdersSkipped);
            continue;
        };
        let placing = customer::order(Arc::clone(&exchange), plan, run_id);
        open.spawn(async move {
            placing.await;
            drop(permit);
        });
    }
    while open.join_next().await.is_some() {}
}

/// Takes up what an earlier run of the city has left under way, so that a restart of both ends loses no order.
async fn resume_orders(exchange: Arc<Exchange>, live: Arc<Semaphore>) {
    let service = Person::new(Role::Service, "city");
    let Ok(orders) = exchange.api.orders_in(&service, &UNDER_WAY).await else { return };
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
