//! The `steady` scenario: rows of rounds, each round the floor and then the server in the same minutes.
//!
//! A round whose floor p99 is above 5 ms was taken on a disturbed machine and is void: the server is not measured in it
//! and another is tried, up to a bound. A row with no valid round is an error, after its rounds
//! were written down.

use anyhow::ensure;
use serde::Serialize;

use crate::cli::SteadyArgs;
use crate::measure::{Figures, Offer, measure};
use crate::plan::Spans;
use crate::report;
use crate::summary::{Summary, ratio};
use crate::target::Target;

/// Above this a search ends; milliseconds.
const SEARCH_P99_MAX_MS: f64 = 50.0;
/// Rates of a search, updates a second.
const SEARCH_RATES: [f64; 8] = [2_000.0, 5_000.0, 10_000.0, 20_000.0, 30_000.0, 40_000.0, 60_000.0, 80_000.0];
/// Window of a floor run unless told otherwise, seconds.
const FLOOR_WINDOW_S: f64 = 20.0;

/// The same offer, measured in several rounds.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Drivers.
    pub drivers: u32,
    /// Customers, one to a driver.
    pub watched: u32,
    /// Updates a second, all drivers together.
    pub updates_per_s: f64,
    /// Milliseconds between two fixes of a driver.
    pub period_ms: f64,
    /// Every round taken, void ones too.
    pub rounds: Vec<Round>,
    /// Medians and best values of the valid ones.
    pub summary: Summary,
}

/// The floor and the server in the same minutes.
#[derive(Debug, Serialize)]
pub struct Round {
    /// Whether the floor was too slow for this round to count.
    pub void: bool,
    /// The floor.
    pub floor: Figures,
    /// The server; `None` in a void round and when only the floor is measured.
    pub server: Option<Figures>,
    /// Server CPU per delivered update over the floor's.
    pub cpu_ratio: Option<f64>,
}

/// Takes every row of the command line; `Err` only when nothing could be taken at all.
pub fn run(args: &SteadyArgs, target: &Target) -> anyhow::Result<Vec<Row>> {
    ensure!(args.watched <= args.drivers, "--watched: each customer watches another driver, so at most --drivers");
    ensure!(args.drivers + args.watched <= 19_500, "a process here has 20,000 descriptors: at most 19,500 sockets");
    if !args.floor_only {
        target.require_server()?;
    }
    let rates = match args.rate.as_slice() {
        [] if args.search => SEARCH_RATES.to_vec(),
        [] => vec![f64::from(args.drivers) / args.period],
        rates => rates.to_vec(),
    };
    let mut rows = Vec::new();
    for rate in rates {
        let row = take_row(args, target, rate)?;
        report::row(&row);
        let enough = args.search && ends_search(&row);
        rows.push(row);
        if enough {
            break;
        }
    }
    Ok(rows)
}

fn ends_search(row: &Row) -> bool {
    let summary = &row.summary;
    let of_interest = if summary.server.is_some() { &summary.server } else { &summary.floor };
    of_interest.as_ref().is_none_or(|figures| {
        figures.lost > 0 || figures.median.get("screen_p99_ms").is_none_or(|p99| *p99 > SEARCH_P99_MAX_MS)
    })
}

fn take_row(args: &SteadyArgs, target: &Target, rate: f64) -> anyhow::Result<Row> {
    let period_us = (f64::from(args.drivers) * 1e6 / rate) as u64;
    ensure!(period_us > 1_000, "{rate} updates a second of {} drivers: more than 1,000 a driver", args.drivers);
    let mut rounds: Vec<Round> = Vec::new();
    for number in 1..=args.rounds_max {
        report::progress(&format!("{rate} updates/s, round {number}"));
        rounds.push(take_round(args, target, period_us)?);
        if rounds.iter().filter(|round| !round.void).count() >= usize::from(args.rounds) {
            break;
        }
    }
    Ok(Row {
        drivers: args.drivers,
        watched: args.watched,
        updates_per_s: rate,
        period_ms: period_us as f64 / 1_000.0,
        summary: Summary::of(&rounds),
        rounds,
    })
}

fn take_round(args: &SteadyArgs, target: &Target, period_us: u64) -> anyhow::Result<Round> {
    let floor_window = args.floor_window.unwrap_or(FLOOR_WINDOW_S).min(args.window);
    let floor = {
        let (server, side) = target.floor()?;
        let offer = Offer { acks: target.floor_acks(), reads_per_s: 0.0, ..offer(args, period_us, floor_window, 0.0) };
        measure(&server, &side, offer)?
    };
    report::progress(&format!("  floor {}", report::line(&floor)));
    let void = floor.screen.is_none_or(|screen| screen.p99 > args.void_above);
    if void {
        report::progress("  void: the floor itself was slow");
        return Ok(Round { void, floor, server: None, cpu_ratio: None });
    }
    let Some((server, side)) = target.server()? else {
        return Ok(Round { void, floor, server: None, cpu_ratio: None });
    };
    let read_window = if args.reads > 0.0 { args.read_window } else { 0.0 };
    let measured = measure(&server, &side, offer(args, period_us, args.window, read_window));
    let figures = measured.map_err(|error| error.context(format!("log of the server:\n{}", server.log_tail())))?;
    report::progress(&format!("  server {}", report::line(&figures)));
    let cpu_ratio = ratio(&figures, &floor);
    Ok(Round { void, floor, server: Some(figures), cpu_ratio })
}

fn offer(args: &SteadyArgs, period_us: u64, window_s: f64, after_s: f64) -> Offer {
    let us = |seconds: f64| (seconds * 1e6) as u64;
    Offer {
        drivers: args.drivers as usize,
        watched: args.watched as usize,
        spans: Spans { period_us, warmup_us: us(args.warmup), window_us: us(window_s), after_us: us(after_s) },
        reads_per_s: args.reads,
        acks: true,
        seed: args.seed,
    }
}
