//! What dispatch says about itself: how soon orders find their driver, how offers end, how deciding goes.

use super::instruments::ByLabel;
use super::instruments::Histogram;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use std::time::Duration;

/// Bounds in microseconds from 10 ms to an hour: for waits of people.
const WAIT_US: &[u64] = &[
    10_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_000_000,
    3_000_000,
    4_000_000,
    5_000_000,
    7_500_000,
    10_000_000,
    15_000_000,
    30_000_000,
    60_000_000,
    120_000_000,
    300_000_000,
    600_000_000,
    1_200_000_000,
    3_600_000_000,
];
/// Bounds in microseconds for one decision: below and above the 10 and 100 ms that are promised.
const DECISION_US: &[u64] = &[
    50, 100, 250, 500, 1_000, 2_000, 3_000, 5_000, 7_500, 10_000, 15_000, 25_000, 50_000, 75_000, 100_000, 150_000,
    250_000, 500_000, 1_000_000,
];

/// The causes for which a search begins again, as they are published.
const CAUSES: [&str; 6] = ["declined", "expired", "unassigned", "handed_back", "driver_lost", "no_progress"];
const OUTCOMES: [&str; 4] = ["accepted", "declined", "expired", "withdrawn"];

/// The instruments.
#[derive(Debug)]
pub struct Dispatch {
    /// From `due_at` to assigned.
    pub assign: Histogram,
    /// How long a driver who came before the goods were ready has to wait.
    pub driver_early: Histogram,
    /// How long the goods had been ready when the driver came.
    pub goods_waited: Histogram,
    /// One decision of a cell.
    pub decision: Histogram,
    /// Orders given to a driver.
    pub assigned: Counter,
    /// Orders given up, for a person to look at.
    pub dead_letters: Counter,
    /// Offers made.
    pub offers_made: Counter,
    offers_ended: ByLabel<Counter>,
    searches_again: ByLabel<Counter>,
}

impl Dispatch {
    /// A fresh set.
    pub(super) fn new() -> Self {
        Self {
            assign: Histogram::new(WAIT_US),
            driver_early: Histogram::new(WAIT_US),
            goods_waited: Histogram::new(WAIT_US),
            decision: Histogram::new(DECISION_US),
            assigned: Counter::default(),
            dead_letters: Counter::default(),
            offers_made: Counter::default(),
            offers_ended: ByLabel::new("outcome", OUTCOMES),
            searches_again: ByLabel::new("cause", CAUSES),
        }
    }

    pub(super) fn register(&self, to: &mut Registry) {
        to.register("assign_seconds", "From due_at to assigned", self.assign.clone());
        let help = "How long a driver who came before the goods were ready has to wait";
        to.register("pickup_driver_early_seconds", help, self.driver_early.clone());
        let help = "How long the goods had been ready when the driver came";
        to.register("pickup_goods_waited_seconds", help, self.goods_waited.clone());
        to.register("match_decision_seconds", "One decision of a cell", self.decision.clone());
        to.register("orders_assigned", "Orders given to a driver", self.assigned.clone());
        to.register("dead_letters", "Orders given up, for a person to look at", self.dead_letters.clone());
        to.register("offers_made", "Offers made to drivers", self.offers_made.clone());
        to.register("offers_ended", "Offers ended, by outcome", self.offers_ended.clone());
        to.register(
            "searches_again",
            "Orders that had to look for a driver again, by cause",
            self.searches_again.clone(),
        );
    }

    /// Counts an offer that ended this way.
    pub fn offer_ended(&self, outcome: &str) {
        count(&self.offers_ended, &OUTCOMES, outcome);
    }

    /// Counts an order that looks again for this cause.
    pub fn searches_again(&self, cause: &str) {
        count(&self.searches_again, &CAUSES, cause);
    }

    /// Records how the driver's arrival met the kitchen: milliseconds from it until the goods are ready, negative when they wait already.
    pub fn slack_at_pickup(&self, slack_ms: i64) {
        let whole = Duration::from_millis(slack_ms.unsigned_abs());
        if slack_ms >= 0 {
            self.driver_early.observe(whole);
        } else {
            self.goods_waited.observe(whole);
        }
    }
}

fn count(counters: &ByLabel<Counter>, values: &[&str], value: &str) {
    let counter = values.iter().position(|known| *known == value).and_then(|index| counters.at(index));
    if let Some(counter) = counter {
        counter.inc();
    }
}

#[cfg(test)]
mod tests {
    use super::super::Metrics;

    #[test]
    fn ends_and_causes_are_counted_by_their_names() {
        let metrics = Metrics::new();
        metrics.dispatch.offer_ended("declined");
        metrics.dispatch.searches_again("driver_lost");
        metrics.dispatch.searches_again("a cause nobody knows");
        metrics.dispatch.slack_at_pickup(-90_000);
        metrics.dispatch.slack_at_pickup(1);
        let text = metrics.encode();
        for line in [
            "beeline_offers_ended_total{outcome=\"declined\"} 1",
            "beeline_searches_again_total{cause=\"driver_lost\"} 1",
            "beeline_searches_again_total{cause=\"declined\"} 0",
            "beeline_pickup_goods_waited_seconds_count 1",
            "beeline_pickup_driver_early_seconds_count 1",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} in {text}");
        }
    }
}
