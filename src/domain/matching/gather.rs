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

/// First radius a cell looks in, in metres.
pub const FIRST_RADIUS_M: f64 = 1_000.0;

/// The radii to look for drivers in, one after the other until `candidates_max` are found: each twice the last, up to the limit.
pub fn rings_m(limit_m: f64) -> impl Iterator<Item = f64> {
    let next = move |radius_m: &f64| (*radius_m < limit_m).then(|| (radius_m * 2.0).min(limit_m));
    std::iter::successors(Some(FIRST_RADIUS_M.min(limit_m)), next)
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
    /// Keeps what matters to the own orders: the drivers weighed for them, the foreign orders for which one of these is weighed,
    /// nearest first (at most [`CELL_FOREIGN_ORDERS_MAX`]), and the drivers those have besides, or their want would look greater
    /// than it is (at most [`CELL_DRIVERS_MAX`] in all).
    #[must_use]
    pub fn narrow<E: Eta<Place = P>>(mut self, now: Millis, eta: &E, tuning: &Tuning) -> CellView<P> {
        for order in &mut self.foreign {
            order.mine = false;
        }
        let mut kept = Kept::default();
        kept.add(&near::of_orders(&View { now, orders: &self.own, drivers: &self.drivers }, eta, tuning));
        let rivals = near::of_orders(&View { now, orders: &self.foreign, drivers: &self.drivers }, eta, tuning);
        let own: Vec<_> = self.own.iter().map(|order| eta.plane_m(order.pickup)).collect();
        let far_m = |order: &OpenOrder<P>| {
            let at = eta.plane_m(order.pickup);
            own.iter().map(|pickup| pickup.distance_m(at)).fold(f64::INFINITY, f64::min)
        };
        let foreign = self.foreign.into_iter().zip(rivals);
        let competing = foreign.filter(|(_, drivers)| drivers.iter().any(|driver| kept.seen.contains(driver)));
        let mut competing: Vec<_> = competing.map(|(order, drivers)| (far_m(&order), order, drivers)).collect();
        competing.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.order_id.cmp(&b.1.order_id)));
        competing.truncate(CELL_FOREIGN_ORDERS_MAX);
        let (foreign, theirs): (Vec<_>, Vec<_>) =
            competing.into_iter().map(|(_, order, drivers)| (order, drivers)).unzip();
        kept.add(&theirs);
        kept.list.sort_unstable();
        let drivers = kept.list.iter().map(|&index| self.drivers[index as usize].clone()).collect();
        let orders = self.own.into_iter().chain(foreign).collect();
        CellView { orders, drivers }
    }
}

/// Drivers chosen so far.
#[derive(Default)]
struct Kept {
    list: Vec<u32>,
    seen: HashSet<u32>,
}

impl Kept {
    /// Adds the drivers weighed for some orders, the best of each first: a cell with too much to do keeps a choice for all.
    fn add(&mut self, weighed: &[Vec<u32>]) {
        let longest = weighed.iter().map(Vec::len).max().unwrap_or(0);
        for rank in 0..longest {
            for &driver in weighed.iter().filter_map(|of_order| of_order.get(rank)) {
                if self.list.len() < CELL_DRIVERS_MAX && self.seen.insert(driver) {
                    self.list.push(driver);
                }
            }
        }
    }
}
