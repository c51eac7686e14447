//! What an evaluation says: measures of each instance and of all together, as a table for people and as JSON for programs.

use super::EvaluateOptions;
use super::Policy;
use super::measures::Measures;
use serde::Serialize;

/// An evaluation, with what is needed to repeat it.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// `optimal` or `nearest`.
    pub policy: Policy,
    /// Ready times were hidden until they passed.
    pub only_means: bool,
    /// Played through the live server's cells.
    pub cells: bool,
    /// Drivers farther than this many metres were not asked; `null`: no bound.
    pub match_radius_m: Option<f64>,
    /// Share of offers declined.
    pub decline: f64,
    /// Share of offers left to lapse.
    pub timeout: f64,
    /// Seed of declines and lapses.
    pub seed: u64,
    /// One entry an instance.
    pub instances: Vec<Measures>,
    /// All orders of all instances together.
    pub total: Measures,
}

impl Report {
    pub(super) fn new(options: &EvaluateOptions, instances: Vec<Measures>, total: Measures) -> Self {
        Self {
            policy: options.policy,
            only_means: options.only_means,
            cells: options.cells,
            match_radius_m: options.match_radius_m,
            decline: options.decline,
            timeout: options.timeout,
            seed: options.seed,
            instances,
            total,
        }
    }

    /// The report as a table, times in minutes.
    #[must_use]
    pub fn as_table(&self) -> String {
        let head = [
            "instance", "orders", "couriers", "undel.", "undel.%", "CtD", "p90", "over", "RtP", "p90", "PCtD", "util",
            "cost", "bundle", "ms", "p99 ms",
        ];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(self.instances.iter().chain([&self.total]).map(cells));
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        let line = |row: &Vec<String>| {
            let padded = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
                if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            });
            padded.collect::<Vec<_>>().join("  ")
        };
        let mut text: Vec<String> = rows.iter().map(line).collect();
        text.push(String::new());
        text.push("minutes; CtD click-to-door, RtP ready-to-pickup, PCtD with 120 for each undelivered order, over beyond target, ms a decision".to_owned());
        text.join("\n")
    }
}

fn cells(measures: &Measures) -> Vec<String> {
    vec![
        measures.instance.clone(),
        measures.orders.to_string(),
        measures.couriers.to_string(),
        measures.undelivered.to_string(),
        format!("{:.2}", measures.undelivered_percent),
        format!("{:.2}", measures.click_to_door),
        format!("{:.0}", measures.click_to_door_p90),
        format!("{:.2}", measures.overage),
        format!("{:.2}", measures.ready_to_pickup),
        format!("{:.0}", measures.ready_to_pickup_p90),
        format!("{:.2}", measures.penalised_click_to_door),
        format!("{:.2}", measures.utilisation),
        format!("{:.2}", measures.cost_per_order),
        format!("{:.3}", measures.orders_per_bundle),
        format!("{:.2}", measures.decision_ms),
        format!("{:.2}", measures.decision_p99_ms),
    ]
}
