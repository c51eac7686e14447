//! One server with people on it who stay for a whole run: drivers who send at a fixed rate, and the healthy watchers.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use serde::Serialize;

use super::Row;
use crate::city::Fleet;
use crate::crew::{Counts, Crew};
use crate::http::Http;
use crate::measure::{scrape, sleep_until};
use crate::pacer::{Pacer, Sending};
use crate::plan::{Plan, Spans};
use crate::server::Server;
use crate::setup::{self, Side};
use crate::summary::median;
use crate::tally::{Latencies, Quantiles, SendLog, Tally};

/// The longest run: a plan is made for so long and left when enough has been seen.
const RUN_MAX_US: u64 = 240_000_000;
/// From the end of the set-up to the first send.
const LEAD: Duration = Duration::from_millis(200);
/// How long the last fixes may take to arrive.
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// Settling time of the crew's counters after the last arrival.
const NAP: Duration = Duration::from_millis(20);

/// A part of a run.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// When it begins, microseconds since the start of the run.
    pub from_us: u64,
    /// When it ends, likewise.
    pub to_us: u64,
    /// Cores that the server kept busy in it.
    pub server_cores: f64,
}

impl Span {
    /// How long it is.
    pub fn length(&self) -> Duration {
        Duration::from_micros(self.to_us - self.from_us)
    }
}

/// What the healthy watchers saw in a part of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Phase {
    /// How long it was.
    pub seconds: f64,
    /// Locations due at a healthy watcher.
    pub due: u64,
    /// Those that came; the others were overtaken by a newer one.
    pub delivered: u64,
    /// From the driver's intended send to the watcher's receipt, milliseconds.
    pub screen: Option<Quantiles>,
    /// The p99 of its seconds, the middle one of them: what a neighbour does to the machine for a moment spoils one second
    /// of many and leaves this alone. Milliseconds.
    pub second_p99_ms: Option<f64>,
    /// The p99 of each of its seconds, in order.
    pub each_second_p99_ms: Vec<f64>,
    /// Cores that the server kept busy.
    pub server_cores: f64,
}

/// What came of a run besides its phases.
pub struct Outcome {
    /// The arrivals.
    pub tally: Tally,
    /// How late the generator sent, milliseconds.
    pub send_lateness: Option<Quantiles>,
    /// Healthy watchers that never got the last fix sent to them.
    pub behind: usize,
    /// Sockets of drivers and healthy watchers that ended, refusals, sends that failed.
    pub troubles: u64,
    /// A few of the refusals.
    pub texts: Vec<String>,
}

/// A server with its drivers sending and its healthy watchers reading.
pub struct Stage<'s> {
    /// The server.
    pub server: &'s Server,
    /// What it speaks.
    pub side: &'s Side,
    /// The orders of all customers of the row, the healthy ones' first.
    pub orders: Vec<String>,
    crew: Crew,
    plan: Arc<Plan>,
    log: Arc<SendLog>,
    watches: Vec<usize>,
    start: Instant,
    stop: Arc<AtomicBool>,
    pacer: JoinHandle<anyhow::Result<Sending>>,
    refused_before: u64,
}

impl<'s> Stage<'s> {
    /// Sets everybody up, orders for those who come later included, and begins to send.
    pub fn open(server: &'s Server, side: &'s Side, row: &Row) -> anyhow::Result<Self> {
        // Whatever a server makes on demand is there before memory is read.
        scrape(side, &mut Http::new(&server.dest, 300_000))?;
        let (drivers, watches) = (row.drivers(), row.healthy_watches());
        let crew = Crew::connect(&server.dial(), &setup::logins(side, drivers, watches.iter().copied())?, drivers)?;
        setup::welcomed(side, &crew)?;
        let fleet = Fleet::new(drivers as u32, row.seed);
        setup::go_on_shift(side, &crew, &fleet, drivers)?;
        let orders = setup::place_orders(side, &server.dest, drivers)?;
        setup::subscribe(&crew, drivers, &orders_of(&orders, &watches))?;

        let period_us = (drivers as f64 * 1e6 / row.updates_per_s) as u64;
        let spans = Spans { period_us, warmup_us: 0, window_us: RUN_MAX_US, after_us: 0 };
        let plan = Plan::new(drivers as u32, spans, row.seed).context("no plan")?;
        let start = Instant::now() + LEAD;
        let wall_start = SystemTime::now().duration_since(UNIX_EPOCH)? + LEAD;
        let plan = Arc::new(plan.starting(wall_start.as_millis() as i64));
        let log = Arc::new(SendLog::new(drivers));
        let refused_before = crew.counts.refusals.load(Ordering::Relaxed);
        crew.begin(start, Tally::new(Arc::clone(&plan), Arc::clone(&log), watches.clone())?.keeping_receipts());
        let stop = Arc::new(AtomicBool::new(false));
        let pacer = Pacer {
            conns: Arc::clone(&crew.conns),
            plan: Arc::clone(&plan),
            log: Arc::clone(&log),
            fleet,
            period_s: period_us as f64 / 1e6,
            stop: Arc::clone(&stop),
        };
        let pacer = std::thread::Builder::new().name("pacer".into()).spawn(move || pacer.run(start))?;
        Ok(Self { server, side, orders, crew, plan, log, watches, start, stop, pacer, refused_before })
    }

    /// Microseconds since the start.
    pub fn now_us(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }

    /// Waits until that instant of the run.
    pub fn wait_until(&self, at_us: u64) {
        sleep_until(self.start + Duration::from_micros(at_us));
    }

    /// Stops sending, waits for what is still due, and closes all sockets.
    pub fn close(self) -> anyhow::Result<(Outcome, Judge)> {
        self.stop.store(true, Ordering::Relaxed);
        let sending = self.pacer.join().unwrap_or_else(|_| bail!("the sender panicked"))?;
        settle(&self.crew.counts);
        let counts = Arc::clone(&self.crew.counts);
        let troubles = counts.refusals.load(Ordering::Relaxed) - self.refused_before
            + counts.closed.load(Ordering::Relaxed)
            + sending.failed;
        let tally = self.crew.finish()?.context("nothing was tallied")?;
        let outcome = Outcome {
            send_lateness: sending.lateness.quantiles(),
            behind: tally.behind(),
            troubles,
            texts: counts.texts(),
            tally,
        };
        Ok((outcome, Judge { plan: self.plan, log: self.log, watches: self.watches }))
    }
}

/// The orders that watchers of these drivers watch.
pub fn orders_of(orders: &[String], watches: &[usize]) -> Vec<String> {
    watches.iter().filter_map(|driver| orders.get(*driver).cloned()).collect()
}

/// Waits until locations have stopped arriving.
fn settle(counts: &Counts) {
    let deadline = Instant::now() + DRAIN_MAX;
    let mut before = counts.locations.load(Ordering::Relaxed);
    let mut quiet = 0;
    while quiet < 25 && Instant::now() < deadline {
        std::thread::sleep(NAP);
        let now = counts.locations.load(Ordering::Relaxed);
        quiet = if now == before { quiet + 1 } else { 0 };
        before = now;
    }
}

/// Knows what was due when.
pub struct Judge {
    plan: Arc<Plan>,
    log: Arc<SendLog>,
    watches: Vec<usize>,
}

impl Judge {
    /// What the healthy watchers saw of the fixes due in a part of the run.
    pub fn phase(&self, tally: &Tally, span: Span) -> anyhow::Result<Phase> {
        let within = |at_us: u64| (span.from_us..span.to_us).contains(&at_us);
        let due = |driver: usize| (0..self.log.sent(driver)).filter(|k| within(self.plan.due_us(driver, *k))).count();
        let mut screen = Latencies::new()?;
        let mut seconds: BTreeMap<u64, Latencies> = BTreeMap::new();
        for receipt in tally.receipts().iter().filter(|receipt| within(receipt.due_us)) {
            screen.add(receipt.took_us);
            match seconds.entry((receipt.due_us - span.from_us) / 1_000_000) {
                Entry::Occupied(second) => second.into_mut().add(receipt.took_us),
                Entry::Vacant(second) => second.insert(Latencies::new()?).add(receipt.took_us),
            }
        }
        let p99s: Vec<f64> = seconds.values().filter_map(|second| Some(second.quantiles()?.p99)).collect();
        let screen = screen.quantiles();
        Ok(Phase {
            seconds: span.length().as_secs_f64(),
            due: self.watches.iter().map(|driver| due(*driver) as u64).sum(),
            delivered: screen.map_or(0, |screen| screen.count),
            screen,
            second_p99_ms: median(p99s.clone()),
            each_second_p99_ms: p99s,
            server_cores: span.server_cores,
        })
    }
}
