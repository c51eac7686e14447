//! What the rounds of a row come to, and whether the goals are met. Pure but for the printing.
//!
//! Void rounds do not count. Memory, queues and latencies are judged by the median of the rounds; how long the stalled
//! ones stayed, and whether the healthy ones got everything, by the worst.

use std::collections::BTreeMap;

use serde::Serialize;

use super::run::Bout;
use super::stage::Phase;
use super::{Measured, Round};
use crate::report;
use crate::summary::{Goal, median};

/// Growth of the server in user space for each stalled reader, bytes.
pub const USER_BYTES_MAX: f64 = 16.0 * 1_024.0;
/// The same under TLS, where the session keeps a buffer of its own.
pub const USER_BYTES_MAX_TLS: f64 = 96.0 * 1_024.0;
/// What the kernel may hold for each, bytes.
const KERNEL_BYTES_MAX: f64 = 16.0 * 1_024.0;
/// Seconds until the last one is gone.
const GONE_MAX_S: f64 = 35.0;
/// What the healthy ones' p99 may rise by, milliseconds.
const P99_RISE_MAX_MS: f64 = 1.0;
/// A p50 that rises by less is unchanged: a tenth of it, or what two runs alike differ by, milliseconds.
const P50_RISE_MAX: f64 = 0.1;
const P50_NOISE_MS: f64 = 0.1;

type Column = (&'static str, fn(&Bout) -> Option<f64>);

const COLUMNS: [Column; 27] = [
    ("alone_p50_ms", |bout| Some(bout.alone.screen?.p50)),
    ("alone_p99_ms", |bout| Some(bout.alone.screen?.p99)),
    ("beside_readers_p50_ms", |bout| Some(bout.beside_readers.screen?.p50)),
    ("beside_readers_p99_ms", |bout| Some(bout.beside_readers.screen?.p99)),
    ("beside_filling_p50_ms", |bout| Some(bout.beside_filling.screen?.p50)),
    ("beside_filling_p99_ms", |bout| Some(bout.beside_filling.screen?.p99)),
    ("beside_stalled_p50_ms", |bout| Some(bout.beside_stalled.screen?.p50)),
    ("beside_stalled_p99_ms", |bout| Some(bout.beside_stalled.screen?.p99)),
    ("alone_again_p50_ms", |bout| Some(bout.alone_again.screen?.p50)),
    ("alone_again_p99_ms", |bout| Some(bout.alone_again.screen?.p99)),
    ("p50_rise_ms", |bout| bout.rise(|phase| Some(phase.screen?.p50))),
    ("p99_rise_ms", |bout| bout.rise(|phase| Some(phase.screen?.p99))),
    ("alone_second_p99_ms", |bout| bout.alone.second_p99_ms),
    ("beside_stalled_second_p99_ms", |bout| bout.beside_stalled.second_p99_ms),
    ("second_p99_rise_ms", |bout| bout.rise(|phase| phase.second_p99_ms)),
    ("alone_cores", |bout| Some(bout.alone.server_cores)),
    ("beside_readers_cores", |bout| Some(bout.beside_readers.server_cores)),
    ("beside_stalled_cores", |bout| Some(bout.beside_stalled.server_cores)),
    ("drift_kib_per_s", |bout| Some(bout.memory.drift_kib_per_s)),
    ("user_bytes_each", |bout| Some(bout.memory.bytes_each)),
    ("send_queue_bytes_each", |bout| Some(bout.kernel.send_queue_each)),
    ("send_queue_bytes_max", |bout| Some(f64::from(bout.kernel.send_queue_max))),
    ("kernel_bytes_each", |bout| Some(bout.kernel.memory_each)),
    ("gone_s", |bout| bout.gone_s),
    ("descriptors_alone", |bout| Some(bout.descriptors.alone as f64)),
    ("descriptors_beside", |bout| Some(bout.descriptors.beside as f64)),
    ("descriptors_after", |bout| Some(bout.descriptors.after as f64)),
];

/// The valid rounds of a row.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// How many rounds count.
    pub valid_rounds: usize,
    /// Median p99 of the floor, healthy watchers only, milliseconds.
    pub floor_p99_ms: Option<f64>,
    /// Medians by column.
    pub median: BTreeMap<&'static str, f64>,
    /// The figures.
    pub goals: Vec<Goal>,
}

impl Summary {
    /// Sums up the valid rounds. `user_bytes_max` is the limit of memory in user space for each that stalls; `None` when too
    /// few stall for it to be told from what else grows.
    pub fn of(rounds: &[Round], user_bytes_max: Option<f64>) -> Self {
        let valid: Vec<&Round> = rounds.iter().filter(|round| !round.void).collect();
        let bouts: Vec<&Bout> = valid.iter().filter_map(|round| round.server.as_ref()).collect();
        let column = |read: fn(&Bout) -> Option<f64>| median(bouts.iter().filter_map(|bout| read(bout)).collect());
        let medians = COLUMNS.iter().filter_map(|(name, read)| Some((*name, column(*read)?))).collect();
        Self {
            valid_rounds: valid.len(),
            floor_p99_ms: median(valid.iter().filter_map(|round| Some(round.floor.screen?.p99)).collect()),
            goals: if bouts.is_empty() { Vec::new() } else { goals(&bouts, &medians, user_bytes_max) },
            median: medians,
        }
    }
}

fn goals(bouts: &[&Bout], median: &BTreeMap<&'static str, f64>, user_bytes_max: Option<f64>) -> Vec<Goal> {
    let of = |column| median.get(column).copied();
    let at_most = |name, value: Option<f64>, limit| Goal { name, value, limit, met: value.is_some_and(|v| v <= limit) };
    // Not gone at all has no figure, and is not met.
    let gone: Option<Vec<f64>> = bouts.iter().map(|bout| bout.gone_s).collect();
    let gone_worst = gone.and_then(|times| times.into_iter().max_by(f64::total_cmp));
    let descriptors_left = bouts.iter().map(|bout| bout.descriptors.after as f64 - bout.descriptors.alone as f64);
    let unserved: u64 = bouts.iter().map(|bout| bout.behind as u64 + bout.troubles).sum();
    let p50_limit = of("alone_p50_ms").map_or(P50_NOISE_MS, |p50| P50_NOISE_MS.max(P50_RISE_MAX * p50));
    let user = user_bytes_max.map(|limit| at_most("user space each, bytes", of("user_bytes_each"), limit));
    let others = [
        at_most("send queue in the kernel each, bytes", of("send_queue_bytes_each"), KERNEL_BYTES_MAX),
        at_most("kernel memory of it each, bytes", of("kernel_bytes_each"), KERNEL_BYTES_MAX),
        at_most("all stalled ones gone, s (worst)", gone_worst, GONE_MAX_S),
        at_most("rise of the healthy p50, ms", of("p50_rise_ms"), p50_limit),
        at_most("rise of the healthy p99, ms", of("p99_rise_ms"), P99_RISE_MAX_MS),
        at_most("rise of the p99 of a second, ms", of("second_p99_rise_ms"), P99_RISE_MAX_MS),
        at_most("descriptors left over (worst)", descriptors_left.max_by(f64::total_cmp), 8.0),
        at_most("healthy ones not served", Some(unserved as f64), 0.0),
    ];
    user.into_iter().chain(others).collect()
}

impl Measured {
    /// Every round, the medians and the goals, as a table.
    pub fn print(&self) {
        let (row, tls) = (&self.row, if self.tls { ", TLS" } else { "" });
        report::title(&format!(
            "{:?} {:?}: {} healthy, {} stalled, {} updates/s{tls}",
            row.set_up, row.kind, row.healthy, row.stalled, row.updates_per_s
        ));
        let mut heads: Vec<String> =
            self.rounds.iter().enumerate().map(|(at, round)| name_of(at, round.void)).collect();
        heads.push("median".into());
        report::cells("", &heads);
        let bouts = || self.rounds.iter().map(|round| round.server.as_ref());
        let p99 = |phase: &Phase| phase.screen.map(|screen| screen.p99);
        let floors = self.rounds.iter().map(|round| p99(&round.floor)).chain([self.summary.floor_p99_ms]);
        report::cells("floor_p99_ms", &floors.map(report::number).collect::<Vec<_>>());
        for (name, read) in COLUMNS {
            let values = bouts().map(|bout| bout.and_then(read)).chain([self.summary.median.get(name).copied()]);
            report::cells(name, &values.map(report::number).collect::<Vec<_>>());
        }
        report::goals(&self.summary.goals);
    }
}

fn name_of(at: usize, void: bool) -> String {
    format!("round {}{}", at + 1, if void { " void" } else { "" })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::run::{Descriptors, Kernel, Memory};
    use super::*;
    use crate::tally::Quantiles;

    fn phase(p50: f64, p99: f64) -> Phase {
        let screen = Some(Quantiles { p50, p99, ..Quantiles::default() });
        Phase {
            seconds: 1.0,
            due: 1,
            delivered: 1,
            screen,
            second_p99_ms: Some(p99),
            each_second_p99_ms: vec![p99],
            server_cores: 0.1,
        }
    }

    fn round(void: bool, stalled_p99: f64, gone_s: Option<f64>, user_kib: f64) -> Round {
        let bout = Bout {
            alone: phase(0.2, 2.0),
            beside_readers: phase(0.2, 2.0),
            beside_filling: phase(0.3, 5.0),
            beside_stalled: phase(0.2, stalled_p99),
            alone_again: phase(0.2, 2.0),
            gone_s,
            memory: Memory {
                before_kib: 1,
                peak_kib: 1,
                after_kib: 1,
                drift_kib_per_s: 0.0,
                bytes_each: user_kib * 1_024.0,
            },
            kernel: Kernel { send_queue_each: 5_000.0, send_queue_max: 9_000, memory_each: 9_000.0 },
            descriptors: Descriptors { alone: 400, beside: 1_400, after: 400 },
            evictions: BTreeMap::new(),
            behind: 0,
            troubles: 0,
            texts: Vec::new(),
            send_lateness: None,
            samples: Vec::new(),
        };
        Round { void, floor: phase(0.1, 0.3), server: Some(bout) }
    }

    fn missed(rounds: &[Round]) -> Vec<&'static str> {
        let goals = Summary::of(rounds, Some(USER_BYTES_MAX)).goals;
        goals.into_iter().filter(|goal| !goal.met).map(|goal| goal.name).collect()
    }

    #[test]
    fn figures_within_the_limits_miss_no_goal() {
        assert!(missed(&[round(false, 2.9, Some(12.0), 7.0)]).is_empty());
        let under_tls = Summary::of(&[round(false, 2.9, Some(12.0), 90.0)], Some(USER_BYTES_MAX_TLS));
        assert!(under_tls.goals.iter().all(|goal| goal.met), "TLS has a limit of its own");
    }

    #[test]
    fn each_goal_can_be_missed() {
        let both = ["rise of the healthy p99, ms", "rise of the p99 of a second, ms"];
        assert_eq!(missed(&[round(false, 3.5, Some(12.0), 7.0)]), both);
        assert_eq!(missed(&[round(false, 2.0, None, 7.0)]), ["all stalled ones gone, s (worst)"]);
        assert_eq!(missed(&[round(false, 2.0, Some(36.0), 7.0)]), ["all stalled ones gone, s (worst)"]);
        assert_eq!(missed(&[round(false, 2.0, Some(12.0), 17.0)]), ["user space each, bytes"]);
        let mut unserved = round(false, 2.0, Some(12.0), 7.0);
        unserved.server.as_mut().unwrap().behind = 1;
        assert_eq!(missed(&[unserved]), ["healthy ones not served"]);
    }

    #[test]
    fn void_rounds_do_not_count_and_one_round_that_lasts_too_long_misses_the_goal() {
        let rounds = [round(true, 90.0, None, 99.0), round(false, 2.0, Some(12.0), 7.0)];
        assert!(missed(&rounds).is_empty());
        let rounds = [round(false, 2.0, Some(12.0), 7.0), round(false, 2.0, Some(50.0), 7.0)];
        assert_eq!(missed(&rounds), ["all stalled ones gone, s (worst)"]);
        assert_eq!(Summary::of(&rounds, None).median["gone_s"], 31.0);
    }
}
