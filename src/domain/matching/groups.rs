//! Which orders may share a trip: those of one merchant, and those picked up within a few steps of each other.

use super::Eta;
use super::OpenOrder;
use super::Tuning;
use crate::domain::ids::MerchantId;
use std::collections::HashMap;

/// A number for each order: equal numbers may share a trip. Orders without key and neighbour stay alone.
pub(super) fn of_orders<E: Eta>(orders: &[OpenOrder<E::Place>], eta: &E, tuning: &Tuning) -> Vec<u32> {
    let mut of_merchant: HashMap<&MerchantId, u32> = HashMap::new();
    let mut of_square: HashMap<(i64, i64), u32> = HashMap::new();
    let mut groups = Vec::with_capacity(orders.len());
    for (own, order) in (0_u32..).zip(orders) {
        let mut group = own;
        if let Some(merchant) = &order.shared_pickup {
            group = *of_merchant.entry(merchant).or_insert(own);
        }
        if tuning.shared_pickup_m > 0.0 && group == own {
            group = *of_square.entry(square(eta, order, tuning)).or_insert(own);
            if let Some(merchant) = &order.shared_pickup {
                of_merchant.insert(merchant, group);
            }
        }
        groups.push(group);
    }
    groups
}

/// The square of the plane a pickup lies in, its diagonal as long as pickups may be apart.
#[allow(clippy::cast_possible_truncation)]
fn square<E: Eta>(eta: &E, order: &OpenOrder<E::Place>, tuning: &Tuning) -> (i64, i64) {
    let at = eta.plane_m(order.pickup);
    let side_m = tuning.shared_pickup_m / std::f64::consts::SQRT_2;
    ((at.x_m / side_m).floor() as i64, (at.y_m / side_m).floor() as i64)
}
