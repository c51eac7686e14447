//! Brings the city to life and to its end: opens the town, shows the counts, and stops all of it when told to.

use super::city::City;
use super::summary::Summary;
use super::town::Town;
use super::ui::Display;
use anyhow::Context;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Time between two refreshes of the counts.
const SHOW_EVERY: Duration = Duration::from_millis(500);

/// What to simulate, and where.
#[derive(Debug, Clone)]
pub struct SimulateOptions {
    /// A node: `http://host:port` or `https://host:port`.
    pub url: String,
    /// The HS256 secret of the deployment, to mint tokens for everybody in the city.
    pub secret: Vec<u8>,
    /// Drivers, `D001` onward.
    pub drivers: usize,
    /// Orders placed per minute, on average; without a warm-up or a tide three times that in the first minute. 0 for none.
    pub orders_per_minute: f64,
    /// The same seed gives the same drivers, restaurants and orders.
    pub seed: u64,
    /// Ends by itself after this, counted from the end of the warm-up.
    pub duration: Option<Duration>,
    /// No live counts. Violations are told all the same.
    pub quiet: bool,
    /// Time between two fixes of a driver.
    pub fix_interval: Duration,
    /// Drivers answer offers after this; `None` for 1 to 4 seconds, as people take.
    pub answer: Option<Duration>,
    /// Share of offers declined.
    pub declines: f64,
    /// An order is carried in this time from the driver's yes to the door, unless the way takes longer; `None` for what it takes across the city.
    pub trip: Option<Duration>,
    /// Every meal takes exactly this long to cook; `None` for what kitchens take.
    pub prep: Option<Duration>,
    /// Share of orders that a customer watches over a socket; the others are followed through their drivers.
    pub watch_share: f64,
    /// Time for drivers to come before the first order.
    pub warm_up: Duration,
    /// Demand rises and falls by this share of itself every ten minutes.
    pub tide: f64,
}

impl SimulateOptions {
    /// 80 drivers and 12 orders per minute on average, which at high tide are too many for them.
    #[must_use]
    pub fn to_compare() -> Self {
        Self { drivers: 80, orders_per_minute: 12.0, tide: 0.5, ..Self::default() }
    }
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
            answer: None,
            declines: 0.06,
            trip: None,
            prep: None,
            watch_share: 1.0,
            warm_up: Duration::ZERO,
            tide: 0.0,
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
    let town = Town::open(&Arc::new(city), &options, Instant::now())?;
    let mut display = Display::new(options.quiet);
    let over = super::clock::until(options.duration.map(|duration| Instant::now() + options.warm_up + duration));
    tokio::pin!(stop, over);
    let mut refresh = tokio::time::interval(SHOW_EVERY);
    loop {
        tokio::select! {
            () = &mut stop => break,
            () = &mut over => break,
            _ = refresh.tick() => display.show(&town.so_far()),
        }
    }
    let summary = town.close().await;
    display.show(&summary);
    display.finish();
    Ok(summary)
}
