//! Policy `nearest`: what a plain dispatcher does, kept for comparison.

use super::Candidate;
use super::Eta;
use super::OpenOrder;
use super::Pairing;
use super::Plan;
use super::Tuning;
use super::View;
use super::Wait;
use super::WaitReason;
use std::collections::HashSet;

/// Gives each order that is ready, longest ready first, to the nearest driver who is free now. One order a trip, nothing is foreseen.
#[must_use]
pub fn nearest<E: Eta>(view: &View<'_, E::Place>, eta: &E, tuning: &Tuning) -> Plan {
    let mut plan = Plan::default();
    let mut taken: HashSet<usize> = HashSet::new();
    let mut orders: Vec<&OpenOrder<E::Place>> = view.orders.iter().filter(|order| order.mine).collect();
    orders.sort_by(|a, b| (a.ready.at, &a.order_id).cmp(&(b.ready.at, &b.order_id)));
    for order in orders {
        let from = order.due_at.max(order.ready.at);
        if from > view.now {
            plan.waits.push(Wait { order_id: order.order_id.clone(), until: Some(from), reason: WaitReason::NotDue });
            continue;
        }
        let drivers = view.drivers.iter().enumerate();
        let free = drivers.filter(|(index, driver)| !taken.contains(index) && driver.free_at <= view.now);
        let fit = free.filter(|(_, driver)| fits(order, driver, eta, tuning));
        let ways = fit.map(|(index, driver)| (eta.travel_s(driver.position, order.pickup), index));
        let in_time = ways.filter(|(way_s, index)| {
            let pickup_ms = seconds_up(way_s + tuning.pickup_half_s) * 1_000;
            view.drivers[*index].off_at.is_none_or(|off_at| view.now + pickup_ms <= off_at)
        });
        let Some((way_s, index)) = in_time.min_by(|a, b| a.0.total_cmp(&b.0)) else {
            plan.waits.push(Wait { order_id: order.order_id.clone(), until: None, reason: WaitReason::NobodyNear });
            continue;
        };
        taken.insert(index);
        let leave_s = way_s + 2.0 * tuning.pickup_half_s;
        let door_s = leave_s + eta.travel_s(order.pickup, order.dropoff) + tuning.drop_half_s;
        plan.offers.push(Pairing {
            driver_id: view.drivers[index].driver_id.clone(),
            orders: vec![order.order_id.clone()],
            pickup_eta_s: seconds_up(way_s),
            dropoff_eta_s: vec![seconds_up(door_s)],
            slack_s: -seconds_up(way_s),
            score: way_s,
        });
    }
    plan
}

fn fits<E: Eta>(order: &OpenOrder<E::Place>, driver: &Candidate<E::Place>, eta: &E, tuning: &Tuning) -> bool {
    order.needs.met_by(driver.vehicle, &driver.skills)
        && !order.refused_by.contains(&driver.driver_id)
        && eta.plane_m(order.pickup).distance_m(eta.plane_m(driver.position)) <= tuning.radius_m
}

/// Whole seconds, rounded up.
#[allow(clippy::cast_possible_truncation)]
pub(super) fn seconds_up(seconds: f64) -> i64 {
    // `as` saturates, and no way takes longer than the age of the Earth.
    seconds.ceil() as i64
}
