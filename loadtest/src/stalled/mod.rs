//! The `stalled` scenario: watchers that stop reading, beside healthy ones who must not notice.
//!
//! A round is a run of the floor, with the healthy ones only, and then of a server of its own, in the same minutes. On
//! the server the healthy watchers are first alone, then beside the others who still read, then beside the others who
//! have stopped, until the server has ended all of those, and then alone again. Drivers send throughout, at the same rate.

mod idlers;
mod run;
mod stage;
mod summary;
mod watch;

use anyhow::ensure;
use serde::Serialize;

use crate::cli::{Kind, SetUp, StalledArgs};
use crate::report;
use crate::target::Target;
use run::{Bout, play_floor, play_server};
use stage::Phase;
use summary::{Summary, USER_BYTES_MAX, USER_BYTES_MAX_TLS};

/// What is measured: who watches whom, and how the others stop.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Who watches whom.
    pub set_up: SetUp,
    /// How the others stop.
    pub kind: Kind,
    /// Watchers that read.
    pub healthy: usize,
    /// Watchers that stop.
    pub stalled: usize,
    /// Fixes a second, all drivers together.
    pub updates_per_s: f64,
    /// Seed of the city and of the phases.
    pub seed: u64,
}

/// A row with what was measured.
#[derive(Debug, Serialize)]
pub struct Measured {
    /// What was measured.
    #[serde(flatten)]
    pub row: Row,
    /// Whether the server spoke TLS.
    pub tls: bool,
    /// Every round taken, void ones too.
    pub rounds: Vec<Round>,
    /// Medians of the valid ones.
    pub summary: Summary,
}

/// The floor and the server in the same minutes.
#[derive(Debug, Serialize)]
pub struct Round {
    /// Whether the floor was too slow for this round to count.
    pub void: bool,
    /// The floor, healthy watchers only.
    pub floor: Phase,
    /// The server; `None` in a void round.
    pub server: Option<Bout>,
}

impl Row {
    /// Drivers, one for each order that is watched.
    pub fn drivers(&self) -> usize {
        if self.set_up == SetUp::One { 1 } else { self.healthy + self.stalled }
    }

    /// The driver of each healthy watcher, which is also the number of its customer.
    pub fn healthy_watches(&self) -> Vec<usize> {
        self.watches(0, self.healthy)
    }

    /// The driver of each watcher that stops.
    pub fn stalled_watches(&self) -> Vec<usize> {
        self.watches(self.healthy, self.healthy + self.stalled)
    }

    fn watches(&self, from: usize, to: usize) -> Vec<usize> {
        (from..to).map(|watcher| if self.set_up == SetUp::One { 0 } else { watcher }).collect()
    }
}

/// Takes every row of the command line.
pub fn run(args: &StalledArgs, target: &Target) -> anyhow::Result<Vec<Measured>> {
    target.require_server()?;
    ensure!(!args.target.defaults, "one customer with 1,000 sockets needs the caps of bench.toml, not the defaults");
    let mut measured = Vec::new();
    for row in rows(args) {
        ensure!(row.drivers() + row.healthy + row.stalled <= 19_500, "at most 19,500 sockets");
        let taken = take_row(args, target, row)?;
        taken.print();
        measured.push(taken);
    }
    Ok(measured)
}

fn rows(args: &StalledArgs) -> Vec<Row> {
    let mut rows = Vec::new();
    for set_up in args.set_up.iter().copied() {
        for kind in args.kind.iter().copied() {
            let all = (args.healthy + args.readers) as usize;
            let (healthy, stalled) = match set_up {
                SetUp::Apart | SetUp::One => (args.healthy as usize, args.readers as usize),
                SetUp::Tenth => (all - all / 10, all / 10),
            };
            let updates_per_s = if set_up == SetUp::One { args.rate_one } else { args.rate };
            rows.push(Row { set_up, kind, healthy, stalled, updates_per_s, seed: args.seed });
        }
    }
    rows
}

fn take_row(args: &StalledArgs, target: &Target, row: Row) -> anyhow::Result<Measured> {
    let mut rounds: Vec<Round> = Vec::new();
    for number in 1..=args.rounds_max {
        report::progress(&format!("{:?} {:?}, round {number}", row.set_up, row.kind));
        rounds.push(take_round(args, target, &row)?);
        if rounds.iter().filter(|round| !round.void).count() >= usize::from(args.rounds) {
            break;
        }
    }
    let user_bytes_max = match row.set_up {
        SetUp::Tenth => None,
        _ if target.is_tls() => Some(USER_BYTES_MAX_TLS),
        _ => Some(USER_BYTES_MAX),
    };
    let summary = Summary::of(&rounds, user_bytes_max);
    Ok(Measured { row, tls: target.is_tls(), rounds, summary })
}

fn take_round(args: &StalledArgs, target: &Target, row: &Row) -> anyhow::Result<Round> {
    let floor = {
        let (server, side) = target.floor()?;
        play_floor(&server, &side, row, args)?
    };
    let p99 = floor.screen.map(|screen| screen.p99);
    report::progress(&format!("  floor p99 {p99:?} ms"));
    if p99.is_none_or(|p99| p99 > args.void_above) {
        report::progress("  void: the floor itself was slow");
        return Ok(Round { void: true, floor, server: None });
    }
    let Some((server, side)) = target.server()? else {
        return Ok(Round { void: true, floor, server: None });
    };
    let bout = play_server(&server, &side, row, args);
    let bout = bout.map_err(|error| error.context(format!("log of the server:\n{}", server.log_tail())))?;
    report::progress(&format!("  server {}", bout.line()));
    Ok(Round { void: false, floor, server: Some(bout) })
}
