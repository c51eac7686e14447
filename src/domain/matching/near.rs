//! Which drivers are weighed for an order: the few who can be at the pickup first.

use super::Candidate;
use super::Eta;
use super::OpenOrder;
use super::Tuning;
use super::View;
use super::problem::seconds;

/// For each order the drivers weighed, best first: those within the radius who fit and could pick up soonest, at most `candidates_max`.
///
/// Soonest means at the earliest moment the food is there; among those who make it by then the nearer one goes first.
pub(super) fn of_orders<E: Eta>(view: &View<'_, E::Place>, eta: &E, tuning: &Tuning) -> Vec<Vec<u32>> {
    let places: Vec<_> = view.drivers.iter().map(|driver| eta.plane_m(driver.position)).collect();
    let free_s: Vec<f64> = view.drivers.iter().map(|driver| seconds(view.now, driver.free_at).max(0.0)).collect();
    let pace = eta.pace_m_per_s();
    let mut ranked: Vec<(f64, u32)> = Vec::with_capacity(view.drivers.len());
    let mut near = Vec::with_capacity(view.orders.len());
    for order in view.orders {
        let pickup = eta.plane_m(order.pickup);
        let ready_s = seconds(view.now, order.ready.at).max(0.0);
        ranked.clear();
        for (index, place) in (0_u32..).zip(&places) {
            let distance_m = place.distance_m(pickup);
            if distance_m <= tuning.radius_m {
                let way_s = distance_m / pace;
                let late_s = (free_s[index as usize] + way_s - ready_s).max(0.0);
                ranked.push((late_s + way_s * 0.2, index));
            }
        }
        ranked.retain(|&(_, index)| fits(order, &view.drivers[index as usize]));
        let by_rank = |a: &(f64, u32), b: &(f64, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        if ranked.len() > tuning.candidates_max {
            ranked.select_nth_unstable_by(tuning.candidates_max, by_rank);
            ranked.truncate(tuning.candidates_max);
        }
        ranked.sort_unstable_by(by_rank);
        near.push(ranked.iter().map(|&(_, index)| index).collect());
    }
    near
}

fn fits<P>(order: &OpenOrder<P>, driver: &Candidate<P>) -> bool {
    let refused = !order.refused_by.is_empty() && order.refused_by.contains(&driver.driver_id);
    !refused && order.needs.met_by(driver.vehicle, &driver.skills)
}
