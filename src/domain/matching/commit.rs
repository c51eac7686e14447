//! From everybody's coming trips to what is said now: first trips that must leave now are offered, all else waits.

use super::Eta;
use super::Pairing;
use super::Plan;
use super::View;
use super::Wait;
use super::WaitReason;
use super::nearest::seconds_up;
use super::problem::Problem;
use super::problem::Trip;
use super::search::Search;

/// The decision that follows from the trips planned.
pub(super) fn plan<E: Eta>(view: &View<'_, E::Place>, problem: &Problem<'_, E>, search: &Search<'_, '_, E>) -> Plan {
    let mut plan = Plan::default();
    let mut waits: Vec<Option<Wait>> = vec![None; view.orders.len()];
    for (slot, route) in search.routes.iter().enumerate() {
        for (index, trip) in route.trips().iter().enumerate() {
            let why = if index == 0 { first_trip(view, problem, slot, trip) } else { Err((None, WaitReason::Outbid)) };
            match why {
                Ok(pairing) => plan.offers.push(pairing),
                Err((until_s, reason)) => {
                    for &job in trip.jobs() {
                        let order_id = view.orders[job as usize].order_id.clone();
                        let until = until_s.map(|until_s: f64| view.now + seconds_up(until_s) * 1_000);
                        waits[job as usize] = Some(Wait { order_id, until, reason });
                    }
                }
            }
        }
    }
    for (job, carrier) in search.carrier.iter().enumerate() {
        if carrier.is_none() {
            let nobody = problem.near[job].is_empty();
            let reason = if nobody { WaitReason::NobodyNear } else { WaitReason::Outbid };
            waits[job] = Some(Wait { order_id: view.orders[job].order_id.clone(), until: None, reason });
        }
    }
    let own = waits.into_iter().zip(view.orders).filter(|(_, order)| order.mine);
    plan.waits = own.filter_map(|(wait, _)| wait).collect();
    plan.offers.sort_by(|a, b| a.slack_s.cmp(&b.slack_s).then_with(|| a.driver_id.cmp(&b.driver_id)));
    plan
}

/// The offer of a driver's first trip, or until when and why it waits.
fn first_trip<E: Eta>(
    view: &View<'_, E::Place>,
    problem: &Problem<'_, E>,
    slot: usize,
    trip: &Trip,
) -> Result<Pairing, (Option<f64>, WaitReason)> {
    let driver = &view.drivers[slot];
    let start = problem.slots[slot].start;
    let jobs = trip.jobs();
    let due_s = jobs.iter().map(|&job| problem.jobs[job as usize].due_s).fold(f64::MIN, f64::max);
    if due_s > 0.0 {
        return Err((Some(due_s), WaitReason::NotDue));
    }
    let times = problem.times(start, trip);
    if start.at_s > 0.0 {
        return Err((Some(start.at_s), WaitReason::DriverSoonFree));
    }
    let slack_s = times.leave_by_s;
    if slack_s >= problem.tuning.decision_interval_s + problem.tuning.answer_s {
        return Err((Some(slack_s - problem.tuning.answer_s), WaitReason::LaterIsBetter));
    }
    if jobs.iter().any(|&job| !view.orders[job as usize].mine) {
        return Err((None, WaitReason::Outbid));
    }
    let score = problem.drive(start, trip, slot as u32).map_or(0.0, |(_, cost)| cost);
    Ok(Pairing {
        driver_id: driver.driver_id.clone(),
        orders: jobs.iter().map(|&job| view.orders[job as usize].order_id.clone()).collect(),
        pickup_eta_s: seconds_up(times.pickup_s),
        dropoff_eta_s: times.doors_s[..jobs.len()].iter().map(|&door_s| seconds_up(door_s)).collect(),
        slack_s: slack_s.floor() as i64,
        score,
    })
}
