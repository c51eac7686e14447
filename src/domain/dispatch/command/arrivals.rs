//! When a driver who begins now will be where.

use crate::domain::eta;
use crate::domain::geo::Position;
use crate::domain::order::Arrivals;
use crate::domain::order::Order;
use crate::domain::time::Millis;

/// Milliseconds from one place to another.
pub(super) fn way_ms(from: Position, to: Position) -> i64 {
    eta::travel_whole_s(from, to) * 1_000
}

/// Arrivals at the pickup and at each door, in the sequence of the orders, for a driver who sets out now. Nothing when nobody knows where they are.
pub(super) fn foresee(from: Option<Position>, orders: &[&Order], now: Millis) -> Vec<Arrivals> {
    let Some(mut here) = from else { return vec![Arrivals::default(); orders.len()] };
    let mut at = now;
    let mut pickups = Vec::with_capacity(orders.len());
    for order in orders {
        at = at + way_ms_or_none(here, order.pickup.position);
        pickups.push(at);
        at = order.prep.ready_at.map_or(at, |ready_at| ready_at.max(at));
        here = order.pickup.position;
    }
    let mut arrivals = Vec::with_capacity(orders.len());
    for (order, pickup_at) in orders.iter().zip(pickups) {
        at = at + way_ms(here, order.dropoff.position);
        here = order.dropoff.position;
        arrivals.push(Arrivals { pickup_at: Some(pickup_at), dropoff_at: Some(at) });
    }
    arrivals
}

/// The same, but no time at all where the place is the same: a second order of one kitchen.
fn way_ms_or_none(from: Position, to: Position) -> i64 {
    if from == to { 0 } else { way_ms(from, to) }
}
