//! Plays one instance from its first order to its last courier, deciding at every whole minute with the live server's functions.

use super::EvaluateOptions;
use super::Policy;
use super::cells;
use super::day::Day;
use super::day::minute;
use super::instance::Instance;
use super::instance::Point;
use super::overlay::Answer;
use super::overlay::Answers;
use crate::domain::ids::DriverId;
use crate::domain::ids::OrderId;
use crate::domain::matching;
use crate::domain::matching::Candidate;
use crate::domain::matching::OpenOrder;
use crate::domain::matching::Pairing;
use crate::domain::matching::Plan;
use crate::domain::matching::Surroundings;
use crate::domain::matching::Tuning;
use crate::domain::matching::View;
use crate::domain::matching::WaitReason;
use std::collections::HashMap;
use std::collections::HashSet;
use std::time::Instant;

/// Decisions within one minute, when offers are declined or two cells want the same courier. The live server has 240 ticks in it.
const ROUNDS_MAX: usize = 8;
/// Minutes an offer waits that nobody answers.
const SILENCE_MINUTES: i64 = 1;

/// What playing an instance gave.
pub struct Played<'i> {
    /// Where everybody went.
    pub day: Day<'i>,
    /// Milliseconds each decision took.
    pub decisions_ms: Vec<f64>,
    /// Offers that lost their courier to another cell.
    pub conflicts: usize,
}

/// The benchmark's rules in the terms of matching: its service times, one decision a minute, couriers who answer at once, no radius
/// but what is asked for, one restaurant a bundle. All that is weighed is the live server's.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn tuning(instance: &Instance, options: &EvaluateOptions) -> Tuning {
    let parameters = &instance.parameters;
    Tuning {
        pickup_half_s: parameters.pickup_service as f64 * 30.0,
        drop_half_s: parameters.drop_service as f64 * 30.0,
        target_s: parameters.target as f64 * 60.0,
        decision_interval_s: 60.0,
        answer_s: 0.0,
        radius_m: options.match_radius_m.unwrap_or(f64::INFINITY),
        shared_pickup_m: 0.0,
        ..Tuning::default()
    }
}

/// Plays one instance.
#[must_use]
pub fn play<'i>(instance: &'i Instance, options: &EvaluateOptions) -> Played<'i> {
    let mut game = Game {
        day: Day::new(instance, options.only_means),
        tuning: tuning(instance, options),
        options,
        answers: Answers::new(options),
        order_of: instance.orders.iter().enumerate().map(|(index, row)| (row.order_id.clone(), index)).collect(),
        courier_of: instance.couriers.iter().enumerate().map(|(index, row)| (row.driver_id.clone(), index)).collect(),
        decisions_ms: Vec::new(),
        conflicts: 0,
    };
    let first = instance.orders.iter().map(|row| row.placed).min().unwrap_or(0);
    let last = instance.couriers.iter().map(|row| row.off).max().unwrap_or(first);
    for now in first..=last {
        game.minute(now);
    }
    // Whoever is on the way still arrives, or goes home.
    game.day.begin(i64::MAX);
    Played { day: game.day, decisions_ms: game.decisions_ms, conflicts: game.conflicts }
}

struct Game<'i, 'o> {
    day: Day<'i>,
    tuning: Tuning,
    options: &'o EvaluateOptions,
    answers: Answers,
    order_of: HashMap<OrderId, usize>,
    courier_of: HashMap<DriverId, usize>,
    decisions_ms: Vec<f64>,
    conflicts: usize,
}

impl Game<'_, '_> {
    fn minute(&mut self, now: i64) {
        self.day.begin(now);
        for _ in 0..ROUNDS_MAX {
            let orders = self.day.open_orders(now);
            if orders.is_empty() {
                return;
            }
            let drivers = self.day.candidates(now);
            let plans = if self.options.cells {
                self.by_cells(now, &orders, &drivers)
            } else {
                vec![self.decide(now, &orders, &drivers)]
            };
            if !self.apply(now, plans) {
                return;
            }
        }
    }

    fn decide(&mut self, now: i64, orders: &[OpenOrder<Point>], drivers: &[Candidate<Point>]) -> Plan {
        let view = View { now: minute(now), orders, drivers };
        let begun = Instant::now();
        let plan = match self.options.policy {
            Policy::Optimal => matching::decide(&view, &self.day.ways, &self.tuning),
            Policy::Nearest => matching::nearest(&view, &self.day.ways, &self.tuning),
        };
        self.decisions_ms.push(begun.elapsed().as_secs_f64() * 1_000.0);
        plan
    }

    /// All cells decide from what is true now, each for its own orders.
    fn by_cells(&mut self, now: i64, orders: &[OpenOrder<Point>], drivers: &[Candidate<Point>]) -> Vec<Plan> {
        let cells = cells::by_cell(orders);
        let mut plans = Vec::new();
        for (cell, own) in &cells {
            let others = cells.iter().filter(|(other, _)| *other != cell);
            let foreign = others.flat_map(|(_, orders)| orders.iter().cloned()).collect();
            let around = Surroundings { own: own.clone(), foreign, drivers: drivers.to_vec() };
            let view = around.narrow(minute(now), &self.day.ways, &self.tuning);
            plans.push(self.decide(now, &view.orders, &view.drivers));
        }
        plans
    }

    /// Makes the offers, first come first served. Whether somebody should look again within this minute.
    fn apply(&mut self, now: i64, plans: Vec<Plan>) -> bool {
        let mut taken: HashSet<usize> = HashSet::new();
        let mut again = false;
        for plan in plans {
            for wait in plan.waits {
                let order = self.order_of.get(&wait.order_id).copied();
                let stuck = matches!(wait.reason, WaitReason::NobodyFits | WaitReason::NobodyNear);
                if let Some(order) = order.filter(|&order| stuck && !self.day.refused[order].is_empty()) {
                    self.day.forgive(order);
                }
            }
            for pairing in plan.offers {
                let Some((courier, orders)) = self.meant(&pairing) else { continue };
                if !taken.insert(courier) {
                    self.conflicts += 1;
                    again = true;
                    continue;
                }
                match self.answers.next_answer() {
                    Answer::Accepts => self.day.send(courier, orders, now),
                    Answer::Declines => {
                        self.day.refuse(courier, &orders);
                        again = true;
                    }
                    Answer::Ignores => self.day.ignore(courier, &orders, now + SILENCE_MINUTES),
                }
            }
        }
        again
    }

    fn meant(&self, pairing: &Pairing) -> Option<(usize, Vec<usize>)> {
        let courier = *self.courier_of.get(&pairing.driver_id)?;
        let orders: Option<Vec<usize>> = pairing.orders.iter().map(|id| self.order_of.get(id).copied()).collect();
        Some((courier, orders?))
    }
}
