//! The published measures of an instance, and of several together.

use super::day::Leg;
use super::instance::Instance;
use super::play::Played;
use serde::Serialize;

/// Click-to-door in minutes that stands for an order not delivered.
const UNDELIVERED_MINUTES: f64 = 120.0;

/// The measures, in minutes unless said otherwise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measures {
    /// Folder of the instance, or `all`.
    pub instance: String,
    /// Orders.
    pub orders: usize,
    /// Couriers.
    pub couriers: usize,
    /// Orders nobody delivered.
    pub undelivered: usize,
    /// The same in percent.
    pub undelivered_percent: f64,
    /// From placing to the door: mean.
    pub click_to_door: f64,
    /// Nine of ten are faster.
    pub click_to_door_p90: f64,
    /// Mean of what is beyond the target.
    pub overage: f64,
    /// From ready to picked up: mean.
    pub ready_to_pickup: f64,
    /// Nine of ten are faster.
    pub ready_to_pickup_p90: f64,
    /// Click-to-door with each undelivered order as 120 minutes.
    pub penalised_click_to_door: f64,
    /// Share of the shifts spent driving or serving.
    pub utilisation: f64,
    /// Pay for each order delivered.
    pub cost_per_order: f64,
    /// Orders for each pickup.
    pub orders_per_bundle: f64,
    /// Mean time of a decision in milliseconds.
    pub decision_ms: f64,
    /// 99 of 100 decisions are faster.
    pub decision_p99_ms: f64,
    /// Decisions taken.
    pub decisions: usize,
    /// Offers that lost their courier to another cell.
    pub conflicts: usize,
}

/// Sums and samples that can be added up over instances.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    orders: usize,
    couriers: usize,
    click_to_door: Vec<f64>,
    ready_to_pickup: Vec<f64>,
    overage: f64,
    worked: f64,
    shifts: f64,
    pay: f64,
    bundles: usize,
    decisions_ms: Vec<f64>,
    conflicts: usize,
}

impl Tally {
    /// Adds an instance that was played.
    #[allow(clippy::cast_precision_loss)]
    pub fn add(&mut self, instance: &Instance, played: &Played<'_>) {
        let parameters = &instance.parameters;
        self.orders += instance.orders.len();
        self.couriers += instance.couriers.len();
        self.conflicts += played.conflicts;
        self.decisions_ms.extend(&played.decisions_ms);
        let mut carried = vec![0_usize; instance.couriers.len()];
        for leg in &played.day.legs {
            carried[leg.courier] += leg.orders.len();
            self.bundles += usize::from(!leg.orders.is_empty());
            self.worked += worked(instance, leg, played);
            for (&order, &dropped) in leg.orders.iter().zip(&leg.dropped) {
                let row = &instance.orders[order];
                let minutes = (dropped - row.placed) as f64;
                self.click_to_door.push(minutes);
                self.overage += (minutes - parameters.target as f64).max(0.0);
                self.ready_to_pickup.push((leg.picked_up - row.ready) as f64);
            }
        }
        for (row, carried) in instance.couriers.iter().zip(carried) {
            let minutes = (row.off - row.on) as f64;
            self.shifts += minutes;
            self.pay += (parameters.pay_per_order * carried as f64).max(parameters.pay_per_hour * minutes / 60.0);
        }
    }

    /// Adds what another tally holds.
    pub fn merge(&mut self, other: &Tally) {
        self.orders += other.orders;
        self.couriers += other.couriers;
        self.click_to_door.extend(&other.click_to_door);
        self.ready_to_pickup.extend(&other.ready_to_pickup);
        self.overage += other.overage;
        self.worked += other.worked;
        self.shifts += other.shifts;
        self.pay += other.pay;
        self.bundles += other.bundles;
        self.decisions_ms.extend(&other.decisions_ms);
        self.conflicts += other.conflicts;
    }

    /// The measures of all that was added.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn measures(&self, name: &str) -> Measures {
        let delivered = self.click_to_door.len();
        let undelivered = self.orders - delivered;
        let total: f64 = self.click_to_door.iter().sum();
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        Measures {
            instance: name.to_owned(),
            orders: self.orders,
            couriers: self.couriers,
            undelivered,
            undelivered_percent: 100.0 * share(undelivered as f64, self.orders as f64),
            click_to_door: share(total, delivered as f64),
            click_to_door_p90: quantile(&self.click_to_door, 0.90),
            overage: share(self.overage, delivered as f64),
            ready_to_pickup: share(self.ready_to_pickup.iter().sum(), delivered as f64),
            ready_to_pickup_p90: quantile(&self.ready_to_pickup, 0.90),
            penalised_click_to_door: share(total + UNDELIVERED_MINUTES * undelivered as f64, self.orders as f64),
            utilisation: share(self.worked, self.shifts),
            cost_per_order: share(self.pay, delivered as f64),
            orders_per_bundle: share(delivered as f64, self.bundles as f64),
            decision_ms: share(self.decisions_ms.iter().sum(), self.decisions_ms.len() as f64),
            decision_p99_ms: quantile(&self.decisions_ms, 0.99),
            decisions: self.decisions_ms.len(),
            conflicts: self.conflicts,
        }
    }
}

/// Minutes of driving and serving in one trip.
#[allow(clippy::cast_precision_loss)]
fn worked(instance: &Instance, leg: &Leg, played: &Played<'_>) -> f64 {
    let parameters = &instance.parameters;
    let ways = played.day.ways;
    let mut minutes = ways.minutes(leg.from, leg.counter);
    let mut place = leg.counter;
    for &order in &leg.orders {
        let door = instance.orders[order].door;
        minutes += ways.minutes(place, door) + parameters.drop_service;
        place = door;
    }
    if !leg.orders.is_empty() {
        minutes += parameters.pickup_service;
    }
    minutes as f64
}

/// The value that this share of the samples does not exceed (nearest rank).
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn quantile(samples: &[f64], share: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}
