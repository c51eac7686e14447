//! What one cell looks at: its own open orders, the drivers who may reach them, and the neighbours' orders that want the same drivers.
//!
//! The live cell and `beeline evaluate mdrp --cells` both make their view here, so what is measured is what runs.

use super::Candidate;
use super::Eta;
use super::OpenOrder;
use super::Tuning;
use super::View;
use super::near;
use crate::domain::time::Millis;
use crate::limits::CELL_DRIVERS_MAX;
use crate::limits::CELL_FOREIGN_ORDERS_MAX;
use std::collections::HashSet;

/// First radius a cell looks in, in metres; it doubles with each look that finds nobody.
pub const FIRST_RADIUS_M: f64 = 1_000.0;

/// How far to look for drivers after so many looks in vain.
#[must_use]
pub fn widened_m(looks_in_vain: u32, limit_m: f64) -> f64 {
    // Sixteen doublings reach round the Earth.
    (FIRST_RADIUS_M * f64::from(1_u32 << looks_in_vain.min(16))).min(limit_m)
}

/// What a cell can know of its surroundings, unsorted and as much as there is.
#[derive(Debug)]
pub struct Surroundings<P> {
    /// The cell's own open orders.
    pub own: Vec<OpenOrder<P>>,
    /// Open orders of the cells around; marked as not its own here.
    pub foreign: Vec<OpenOrder<P>>,
    /// Drivers around, free now or soon.
    pub drivers: Vec<Candidate<P>>,
}

/// Orders and drivers of one decision of one cell.
#[derive(Debug)]
pub struct CellView<P> {
    /// Own orders first, then those that compete.
    pub orders: Vec<OpenOrder<P>>,
    /// Drivers weighed.
    pub drivers: Vec<Candidate<P>>,
}

impl<P> CellView<P> {
    /// The view as [`super::decide`] takes it.
    #[must_use]
    pub fn at(&self, now: Millis) -> View<'_, P> {
        View { now, orders: &self.orders, drivers: &self.drivers }
    }
}

impl<P: Copy> Surroundings<P> {
    /// Keeps what matters to the own orders: the drivers weighed for them (at most [`CELL_DRIVERS_MAX`]), and the foreign orders for which
    /// one of these drivers is weighed, nearest to the own orders first (at most [`CELL_FOREIGN_ORDERS_MAX`]).
    #[must_use]
    pub fn narrow<E: Eta<Place = P>>(mut self, now: Millis, eta: &E, tuning: &Tuning) -> CellView<P> {
        for order in &mut self.foreign {
            order.mine = false;
        }
        let weighed = near::of_orders(&View { now, orders: &self.own, drivers: &self.drivers }, eta, tuning);
        let mut kept = Vec::new();
        let mut seen = HashSet::new();
        // The best of each order first, so that a cell with too much to do keeps a choice for all its orders.
        for rank in 0..tuning.candidates_max {
            for index in weighed.iter().filter_map(|of_order| of_order.get(rank)) {
                if kept.len() < CELL_DRIVERS_MAX && seen.insert(*index) {
                    kept.push(*index);
                }
            }
        }
        kept.sort_unstable();
        let rivals = near::of_orders(&View { now, orders: &self.foreign, drivers: &self.drivers }, eta, tuning);
        let own: Vec<_> = self.own.iter().map(|order| eta.plane_m(order.pickup)).collect();
        let far = |order: &OpenOrder<P>| {
            let at = eta.plane_m(order.pickup);
            own.iter().map(|pickup| pickup.distance_m(at)).fold(f64::INFINITY, f64::min)
        };
        let foreign = self.foreign.into_iter().zip(rivals);
        let competing = foreign.filter(|(_, drivers)| drivers.iter().any(|driver| seen.contains(driver)));
        let mut competing: Vec<_> = competing.map(|(order, _)| (far(&order), order)).collect();
        competing.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.order_id.cmp(&b.1.order_id)));
        competing.truncate(CELL_FOREIGN_ORDERS_MAX);
        let orders = self.own.into_iter().chain(competing.into_iter().map(|(_, order)| order)).collect();
        let drivers = kept.iter().map(|&index| self.drivers[index as usize].clone()).collect();
        CellView { orders, drivers }
    }
}
