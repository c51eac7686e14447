//! One measurement of one server: set up, warm up, count, drain, and what it came to.
//!
//! Order of a run: memory empty, sockets open, memory at idle, people made ready, warm-up, the counted window (CPU and
//! latencies), then the reads of current locations with fixes still flowing, then the wait for what is still due.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use serde::Serialize;

use crate::city::Fleet;
use crate::crew::Crew;
use crate::host;
use crate::http::Http;
use crate::metrics::{Buckets, counters_with};
use crate::pacer::{Pacer, Sending};
use crate::plan::{Plan, Spans};
use crate::reads::{Reading, Reads};
use crate::server::Server;
use crate::setup::{self, Side};
use crate::tally::{Fates, Quantiles, SendLog, Tally};

/// How long the last fixes and acks may take to arrive.
const DRAIN_MAX: Duration = Duration::from_secs(10);
/// How long an idle fleet is left alone before its memory is read.
const SETTLE: Duration = Duration::from_secs(1);
/// From the end of the set-up to the first send.
const LEAD: Duration = Duration::from_millis(200);

/// How long before the window its first scrape is taken.
const SCRAPE_LEAD: Duration = Duration::from_millis(300);

/// What to offer.
#[derive(Debug, Clone, Copy)]
pub struct Offer {
    /// Drivers.
    pub drivers: usize,
    /// How many of them a customer watches.
    pub watched: usize,
    /// The parts of the run.
    pub spans: Spans,
    /// Location reads a second during the last part; 0 for none.
    pub reads_per_s: f64,
    /// Whether the server acknowledges fixes.
    pub acks: bool,
    /// For the city and the phases.
    pub seed: u64,
}

/// Figures of one run. Times in milliseconds unless the name says otherwise.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Fixes sent in the window, all drivers.
    pub sent: u64,
    /// What became of those that somebody watched.
    #[serde(flatten)]
    pub fates: Fates,
    /// Conflated fixes that the server did not count as such; `None` when it counts none.
    pub unexplained: Option<u64>,
    /// `error` and `rejected` frames during the run.
    pub refused: u64,
    /// Sockets that ended before we closed them.
    pub closed: u64,
    /// Fixes the generator could not send.
    pub send_failed: u64,
    /// A few refusals and close reasons.
    pub texts: Vec<String>,
    /// Intended send to the customer's receipt.
    pub screen: Option<Quantiles>,
    /// Real send to the customer's receipt.
    pub screen_from_send: Option<Quantiles>,
    /// Intended send to the ack.
    pub ack: Option<Quantiles>,
    /// Real send to the ack.
    pub ack_from_send: Option<Quantiles>,
    /// How late the generator sent.
    pub send_lateness: Option<Quantiles>,
    /// Processor time.
    pub cpu: Option<Cpu>,
    /// Memory.
    pub memory: Option<Memory>,
    /// What the server says of itself.
    pub server: ServerSays,
    /// Reads of current locations.
    pub reads: Option<Reads>,
    /// Seconds from the start of the set-up to the first send.
    pub setup_s: f64,
}

/// Processor time in the window.
#[derive(Debug, Clone, Serialize)]
pub struct Cpu {
    /// Microseconds of the server for each update that reached a customer.
    pub us_per_delivered: Option<f64>,
    /// Microseconds of the server for each fix sent to it.
    pub us_per_sent: f64,
    /// Cores the server kept busy.
    pub server_cores: f64,
    /// Cores the generator kept busy.
    pub generator_cores: f64,
    /// Cores' worth of time that the hypervisor gave to others.
    pub stolen_cores: f64,
}

/// Resident memory of the server, KiB.
#[derive(Debug, Clone, Serialize)]
pub struct Memory {
    /// Before the first socket.
    pub empty_kib: u64,
    /// All sockets open, nothing sent.
    pub connected_kib: u64,
    /// Drivers on shift, orders assigned, customers subscribed.
    pub ready_kib: u64,
    /// The most it ever had.
    pub peak_kib: u64,
    /// Sockets opened.
    pub connections: usize,
    /// `(connected - empty) / connections`.
    pub kib_per_connection: f64,
}

/// The server's own histograms over the window, milliseconds; `None` for one it does not have.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ServerSays {
    /// `beeline_fix_handling_seconds`.
    pub fix_handling: Option<Quantiles>,
    /// `beeline_fix_push_seconds`.
    pub fix_push: Option<Quantiles>,
    /// `beeline_current_location_seconds`.
    pub current_location: Option<Quantiles>,
    /// All its counters of conflated fixes.
    pub conflated: Option<f64>,
}

/// Runs one measurement.
pub fn measure(server: &Server, side: &Side, offer: Offer) -> anyhow::Result<Figures> {
    let began = Instant::now();
    let mut http = Http::new(&server.dest, 300_000);
    // A first request, so that whatever a server makes on demand is there before memory is read.
    scrape(side, &mut http)?;
    let memory = |pid: Option<u32>| pid.map(host::resident_kib).transpose();
    let empty_kib = memory(server.pid)?;
    let logins = setup::logins(side, offer.drivers, 0..offer.watched)?;
    let crew = Crew::connect(&server.dial(), &logins, offer.drivers).context("connecting")?;
    setup::welcomed(side, &crew)?;
    std::thread::sleep(SETTLE);
    let connected_kib = memory(server.pid)?;
    let fleet = Fleet::new(offer.drivers as u32, offer.seed);
    setup::ready(side, &server.dest, &crew, &fleet, offer.drivers).context("set-up")?;
    let ready_kib = memory(server.pid)?;

    let run = Running { server, side, offer, crew, refused_before: 0, http };
    let mut figures = run.go(fleet, began)?;
    if let (Some(empty_kib), Some(connected_kib), Some(ready_kib), Some(pid)) =
        (empty_kib, connected_kib, ready_kib, server.pid)
    {
        let connections = offer.drivers + offer.watched;
        figures.memory = Some(Memory {
            empty_kib,
            connected_kib,
            ready_kib,
            peak_kib: host::resident_peak_kib(pid)?,
            connections,
            kib_per_connection: connected_kib.saturating_sub(empty_kib) as f64 / connections as f64,
        });
    }
    Ok(figures)
}

struct Running<'s> {
    server: &'s Server,
    side: &'s Side,
    offer: Offer,
    crew: Crew,
    refused_before: u64,
    http: Http,
}

/// What is read at both ends of the window.
struct Mark {
    at: Instant,
    server_ns: Option<u64>,
    own_ns: u64,
    stolen_ticks: u64,
    scrape: String,
}

impl Running<'_> {
    fn go(mut self, fleet: Fleet, began: Instant) -> anyhow::Result<Figures> {
        let offer = self.offer;
        self.refused_before = self.crew.counts.refusals.load(Ordering::Relaxed);
        let plan = Plan::new(offer.drivers as u32, offer.spans, offer.seed).context("no plan")?;
        let start = Instant::now() + LEAD;
        let wall_start = SystemTime::now().duration_since(UNIX_EPOCH)? + LEAD;
        let plan = Arc::new(plan.starting(wall_start.as_millis() as i64));
        let log = Arc::new(SendLog::new(offer.drivers));
        self.crew.begin(start, Tally::new(Arc::clone(&plan), Arc::clone(&log), (0..offer.watched).collect())?);
        let pacer = Pacer {
            conns: Arc::clone(&self.crew.conns),
            plan: Arc::clone(&plan),
            log,
            fleet,
            period_s: offer.spans.period_us as f64 / 1e6,
            stop: Arc::default(),
        };
        let setup_s = began.elapsed().as_secs_f64();
        let sender = std::thread::Builder::new().name("pacer".into()).spawn(move || pacer.run(start))?;
        let [warm, counted, end] = plan.marks_us().map(|us| start + Duration::from_micros(us));

        // Scraping costs the server something, so it is kept out of the stretch whose CPU is counted.
        sleep_until(warm - SCRAPE_LEAD.min(Duration::from_micros(offer.spans.warmup_us)));
        let scraped = scrape(self.side, &mut self.http)?;
        sleep_until(warm);
        let first = Mark { scrape: scraped, ..self.mark()? };
        sleep_until(counted);
        let last = self.mark()?;
        let last = Mark { scrape: scrape(self.side, &mut self.http)?, ..last };
        let (reads, current_location) = self.reads(end)?;
        sleep_until(end);
        let sending = sender.join().unwrap_or_else(|_| bail!("the sender panicked"))?;
        self.drain();

        let counts = Arc::clone(&self.crew.counts);
        let (refusals, closed) = (counts.refusals.load(Ordering::Relaxed), counts.closed.load(Ordering::Relaxed));
        let conflated_after = counters_with(&scrape(self.side, &mut self.http)?, "conflated");
        let tally = self.crew.finish()?.context("nothing was tallied")?;
        let fates = tally.fates();
        let conflated_before = counters_with(&first.scrape, "conflated");
        let conflated = conflated_after.map(|after| after - conflated_before.unwrap_or(0.0));
        let between = |name: &str| Buckets::read(&last.scrape, name).since(&Buckets::read(&first.scrape, name));
        Ok(Figures {
            sent: sending.counted,
            unexplained: conflated.map(|known| fates.conflated.saturating_sub(known as u64)),
            refused: refusals - self.refused_before,
            closed,
            send_failed: sending.failed,
            texts: counts.texts(),
            screen: tally.screen.quantiles(),
            screen_from_send: tally.screen_from_send.quantiles(),
            ack: tally.ack.quantiles(),
            ack_from_send: tally.ack_from_send.quantiles(),
            send_lateness: sending.lateness.quantiles(),
            cpu: cpu(&first, &last, &fates, &sending),
            memory: None,
            server: ServerSays {
                fix_handling: between("beeline_fix_handling_seconds").quantiles(),
                fix_push: between("beeline_fix_push_seconds").quantiles(),
                current_location,
                conflated,
            },
            reads,
            setup_s,
            fates,
        })
    }

    fn mark(&self) -> anyhow::Result<Mark> {
        Ok(Mark {
            at: Instant::now(),
            server_ns: self.server.pid.map(host::cpu_ns).transpose()?,
            own_ns: host::cpu_ns(std::process::id())?,
            stolen_ticks: host::stolen_ticks(),
            scrape: String::new(),
        })
    }

    fn reads(&mut self, end: Instant) -> anyhow::Result<(Option<Reads>, Option<Quantiles>)> {
        let Side::Beeline { secret } = self.side else { return Ok((None, None)) };
        let length = end.saturating_duration_since(Instant::now());
        if length.is_zero() || self.offer.reads_per_s <= 0.0 {
            return Ok((None, None));
        }
        const NAME: &str = "beeline_current_location_seconds";
        let before = Buckets::read(&scrape(self.side, &mut self.http)?, NAME);
        let (server, per_s, drivers) = (self.server.dest.clone(), self.offer.reads_per_s, self.offer.drivers);
        let reads = Reading { server, per_s, length, drivers }.run(secret)?;
        let after = Buckets::read(&scrape(self.side, &mut self.http)?, NAME);
        Ok((Some(reads), after.since(&before).quantiles()))
    }

    fn drain(&self) {
        let deadline = Instant::now() + DRAIN_MAX;
        let counts = &self.crew.counts;
        let due = || {
            let fixes = counts.outstanding.load(Ordering::Relaxed);
            fixes > 0 || (self.offer.acks && counts.unsettled.load(Ordering::Relaxed) > 0)
        };
        while due() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn cpu(first: &Mark, last: &Mark, fates: &Fates, sending: &Sending) -> Option<Cpu> {
    let wall_ns = last.at.duration_since(first.at).as_nanos() as f64;
    let server_ns = (last.server_ns? - first.server_ns?) as f64;
    let per = |count: u64| server_ns / 1_000.0 / count as f64;
    Some(Cpu {
        us_per_delivered: (fates.delivered > 0).then(|| per(fates.delivered)),
        us_per_sent: per(sending.counted.max(1)),
        server_cores: server_ns / wall_ns,
        generator_cores: last.own_ns.saturating_sub(first.own_ns) as f64 / wall_ns,
        stolen_cores: (last.stolen_ticks - first.stolen_ticks) as f64 * 1e7 / wall_ns,
    })
}

/// `/metrics` of a Beeline server; the floor has none.
pub fn scrape(side: &Side, http: &mut Http) -> anyhow::Result<String> {
    if matches!(side, Side::Floor) {
        return Ok(String::new());
    }
    let reply = http.get("/metrics", None)?;
    if reply.status == 200 { Ok(reply.body) } else { bail!("/metrics: {} {}", reply.status, reply.body) }
}

/// Sleeps until then; not at all when it is past.
pub fn sleep_until(instant: Instant) {
    std::thread::sleep(instant.saturating_duration_since(Instant::now()));
}
