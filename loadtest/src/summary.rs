//! What the rounds of a row come to: medians, best values, and whether the figures are met.
//!
//! Pure. Void rounds do not count. Absolute latencies are judged by the best round, ratios and memory by the median,
//! losses by their sum.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::measure::Figures;
use crate::steady::Round;

/// A figure with its name as it stands in the result.
pub type Column = (&'static str, fn(&Figures) -> Option<f64>);

/// Every figure that is summed up, in the order of the printed table.
pub const COLUMNS: [Column; 13] = [
    ("screen_p50_ms", |figures| Some(figures.screen?.p50)),
    ("screen_p99_ms", |figures| Some(figures.screen?.p99)),
    ("screen_p999_ms", |figures| Some(figures.screen?.p999)),
    ("screen_from_send_p99_ms", |figures| Some(figures.screen_from_send?.p99)),
    ("ack_p99_ms", |figures| Some(figures.ack?.p99)),
    ("cpu_us_per_delivered", |figures| figures.cpu.as_ref()?.us_per_delivered),
    ("cpu_us_per_sent", |figures| Some(figures.cpu.as_ref()?.us_per_sent)),
    ("server_cores", |figures| Some(figures.cpu.as_ref()?.server_cores)),
    ("kib_per_connection", |figures| Some(figures.memory.as_ref()?.kib_per_connection)),
    ("fix_handling_p99_ms", |figures| Some(figures.server.fix_handling?.p99)),
    ("fix_push_p99_ms", |figures| Some(figures.server.fix_push?.p99)),
    ("current_location_p99_ms", |figures| Some(figures.server.current_location?.p99)),
    ("read_p99_ms", |figures| Some(figures.reads.as_ref()?.latency?.p99)),
];

/// The valid rounds of a row.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// How many rounds count.
    pub valid_rounds: usize,
    /// The floor's; `None` when no round counts.
    pub floor: Option<Sums>,
    /// The server's.
    pub server: Option<Sums>,
    /// Median of the rounds' ratios of server CPU per delivered update, server over floor.
    pub cpu_ratio: Option<f64>,
    /// The figures.
    pub goals: Vec<Goal>,
}

/// One server over the valid rounds.
#[derive(Debug, Serialize)]
pub struct Sums {
    /// Medians by column.
    pub median: BTreeMap<&'static str, f64>,
    /// Smallest values by column.
    pub best: BTreeMap<&'static str, f64>,
    /// Counted fixes sent, all rounds.
    pub sent: u64,
    /// Watched ones that arrived.
    pub delivered: u64,
    /// Watched ones superseded by a newer one.
    pub conflated: u64,
    /// Watched ones lost.
    pub lost: u64,
    /// Arrivals out of order.
    pub out_of_order: u64,
    /// Conflated ones that the server does not know of; `None` when it counts none.
    pub unexplained: Option<u64>,
    /// Sockets that ended early, refusals, and sends that failed.
    pub troubles: u64,
}

/// A figure of the issue and whether it is met.
#[derive(Debug, Serialize)]
pub struct Goal {
    /// Its name.
    pub name: &'static str,
    /// What was measured; `None` when it was not.
    pub value: Option<f64>,
    /// What it may not reach (or, of counts and memory, may not pass).
    pub limit: f64,
    /// Whether it is met; not measured is not met.
    pub met: bool,
}

impl Summary {
    /// Sums up the valid rounds.
    pub fn of(rounds: &[Round]) -> Self {
        let valid: Vec<&Round> = rounds.iter().filter(|round| !round.void).collect();
        let floors: Vec<&Figures> = valid.iter().map(|round| &round.floor).collect();
        let servers: Vec<&Figures> = valid.iter().filter_map(|round| round.server.as_ref()).collect();
        let server = Sums::of(&servers);
        Self {
            valid_rounds: valid.len(),
            floor: Sums::of(&floors),
            cpu_ratio: median(valid.iter().filter_map(|round| round.cpu_ratio).collect()),
            goals: server.as_ref().map(goals).unwrap_or_default(),
            server,
        }
    }
}

impl Sums {
    fn of(runs: &[&Figures]) -> Option<Self> {
        if runs.is_empty() {
            return None;
        }
        let column = |read: fn(&Figures) -> Option<f64>| runs.iter().filter_map(|run| read(run)).collect::<Vec<_>>();
        let total = |read: fn(&Figures) -> u64| runs.iter().map(|run| read(run)).sum();
        let all = |pick: fn(Vec<f64>) -> Option<f64>| {
            COLUMNS.iter().filter_map(|(name, read)| Some((*name, pick(column(*read))?))).collect()
        };
        Some(Self {
            median: all(median),
            best: all(|values| values.into_iter().min_by(f64::total_cmp)),
            sent: total(|run| run.sent),
            delivered: total(|run| run.fates.delivered),
            conflated: total(|run| run.fates.conflated),
            lost: total(|run| run.fates.lost),
            out_of_order: total(|run| run.fates.out_of_order),
            unexplained: runs.iter().map(|run| run.unexplained).sum(),
            troubles: total(|run| run.closed + run.refused + run.send_failed),
        })
    }
}

/// Server CPU per delivered update, server over floor.
pub fn ratio(server: &Figures, floor: &Figures) -> Option<f64> {
    Some(server.cpu.as_ref()?.us_per_delivered? / floor.cpu.as_ref()?.us_per_delivered?)
}

fn goals(sums: &Sums) -> Vec<Goal> {
    let below = |name, column, limit| {
        let value = sums.best.get(column).copied();
        Goal { name, value, limit, met: value.is_some_and(|value| value < limit) }
    };
    let kib = sums.median.get("kib_per_connection").copied();
    let astray = Some(sums.lost + sums.out_of_order + sums.unexplained.unwrap_or(0)).map(|count| count as f64);
    vec![
        below("send to screen p99, ms (best)", "screen_p99_ms", 50.0),
        below("fix handling p99, ms (best)", "fix_handling_p99_ms", 10.0),
        below("durable ack p99, ms (best)", "ack_p99_ms", 500.0),
        Goal { name: "lost, out of order or unexplained", value: astray, limit: 0.0, met: astray == Some(0.0) },
        Goal { name: "idle connection, KiB", value: kib, limit: 16.0, met: kib.is_some_and(|kib| kib <= 16.0) },
        below("current location p99, ms (best)", "current_location_p99_ms", 1.0),
    ]
}

/// The middle value, or the mean of the middle two.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(*values.get(values.len() / 2 - 1)?, upper))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measure::{Cpu, ServerSays};
    use crate::tally::{Fates, Quantiles};

    fn figures(p99: f64, cpu_us: f64, lost: u64) -> Figures {
        Figures {
            sent: 100,
            fates: Fates { delivered: 100 - lost, lost, ..Fates::default() },
            unexplained: None,
            refused: 0,
            closed: 0,
            send_failed: 0,
            texts: Vec::new(),
            screen: Some(Quantiles { p99, ..Quantiles::default() }),
            screen_from_send: None,
            ack: None,
            ack_from_send: None,
            send_lateness: None,
            cpu: Some(Cpu {
                us_per_delivered: Some(cpu_us),
                us_per_sent: cpu_us,
                server_cores: 0.1,
                generator_cores: 0.1,
                stolen_cores: 0.0,
            }),
            memory: None,
            server: ServerSays::default(),
            reads: None,
            setup_s: 0.0,
        }
    }

    fn round(void: bool, p99: f64, cpu_us: f64, lost: u64) -> Round {
        let (floor, server) = (figures(0.1, 10.0, 0), figures(p99, cpu_us, lost));
        let cpu_ratio = ratio(&server, &floor);
        Round { void, floor, server: Some(server), cpu_ratio }
    }

    #[test]
    fn medians_leave_void_rounds_out_and_goals_take_the_best() {
        let rounds = [round(false, 60.0, 12.0, 0), round(true, 1.0, 90.0, 0), round(false, 40.0, 14.0, 0)];
        let summary = Summary::of(&rounds);
        assert_eq!(summary.valid_rounds, 2);
        assert!((summary.cpu_ratio.unwrap() - 1.3).abs() < 1e-9);
        assert_eq!(summary.server.as_ref().unwrap().median["screen_p99_ms"], 50.0);
        assert!(summary.goals[0].met && summary.goals[3].met);
        assert!(!summary.goals[1].met, "a figure that was not measured is not met");
    }

    #[test]
    fn one_lost_fix_in_any_round_misses_the_goal() {
        let rounds = [round(false, 1.0, 12.0, 0), round(false, 1.0, 12.0, 1), round(false, 1.0, 12.0, 0)];
        assert!(!Summary::of(&rounds).goals[3].met);
    }

    #[test]
    fn a_row_without_a_valid_round_has_no_figures() {
        let summary = Summary::of(&[round(true, 1.0, 1.0, 0)]);
        assert!(summary.floor.is_none() && summary.server.is_none() && summary.goals.is_empty());
    }

    #[test]
    fn the_median_of_an_odd_and_an_even_count() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }
}
