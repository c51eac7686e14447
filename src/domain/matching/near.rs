//! Which drivers are weighed for an order: the few who can be at the pickup first.

use super::Candidate;
use super::Eta;
use super::OpenOrder;
use super::Tuning;
use super::View;
use super::problem::seconds;

/// What a second of way counts beside a second of lateness.
const NEARER: f64 = 0.2;

/// For each order the drivers weighed, best first: those within the radius who fit and could pick up soonest, at most `candidates_max`.
///
/// Soonest means at the earliest moment the food is there; among those who make it by then the nearer one goes first.
pub(super) fn of_orders<E: Eta>(view: &View<'_, E::Place>, eta: &E, tuning: &Tuning) -> Vec<Vec<u32>> {
    let places: Vec<_> = view.drivers.iter().map(|driver| eta.plane_m(driver.position)).collect();
    let free_s: Vec<f64> = view.drivers.iter().map(|driver| seconds(view.now, driver.free_at).max(0.0)).collect();
    // Or where many wait at one place, always the same ones would be weighed.
    let patience_s = patience_s(view, tuning);
    let pace = eta.pace_m_per_s();
    let mut ranked: Vec<u64> = Vec::with_capacity(view.drivers.len());
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
                let rank_s = late_s + way_s * NEARER - patience_s[index as usize] * NEARER;
                ranked.push(key(rank_s, index));
            }
        }
        if !takes_anybody(order) {
            ranked.retain(|&key| fits(order, &view.drivers[driver_of(key) as usize]));
        }
        if ranked.len() > tuning.candidates_max {
            ranked.select_nth_unstable(tuning.candidates_max);
            ranked.truncate(tuning.candidates_max);
        }
        ranked.sort_unstable();
        near.push(ranked.iter().map(|&key| driver_of(key)).collect());
    }
    near
}

/// For each driver how much nearer they count for having waited: the one idle longest by all of `fairness_s`.
pub(super) fn patience_s<P>(view: &View<'_, P>, tuning: &Tuning) -> Vec<f64> {
    let idle_s = |driver: &Candidate<P>| seconds(driver.idle_since, view.now);
    let longest_s = view.drivers.iter().map(idle_s).fold(1.0, f64::max);
    view.drivers.iter().map(|driver| tuning.fairness_s * (idle_s(driver) / longest_s).clamp(0.0, 1.0)).collect()
}

/// Bits of a key that hold the driver's index: more drivers than any one decision sees.
const INDEX_BITS: u32 = 20;
const INDEX_MASK: u64 = (1 << INDEX_BITS) - 1;

/// A rank and the driver's index in one number that sorts by rank first: these are sorted by the hundred thousand.
fn key(rank_s: f64, index: u32) -> u64 {
    let bits = rank_s.to_bits();
    let ordered = if bits >> 63 == 0 { bits | 1 << 63 } else { !bits };
    ordered & !INDEX_MASK | u64::from(index) & INDEX_MASK
}

#[allow(clippy::cast_possible_truncation)]
fn driver_of(key: u64) -> u32 {
    (key & INDEX_MASK) as u32
}

/// Most orders need nothing special and nobody has refused them.
fn takes_anybody<P>(order: &OpenOrder<P>) -> bool {
    order.refused_by.is_empty() && order.needs.vehicle.is_none() && order.needs.skills.is_empty()
}

fn fits<P>(order: &OpenOrder<P>, driver: &Candidate<P>) -> bool {
    !order.refused_by.contains(&driver.driver_id) && order.needs.met_by(driver.vehicle, &driver.skills)
}
