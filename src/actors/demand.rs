//! The orders that wait for a decision, by the cell that will make it: what a cell needs to know of its neighbours, so that it does not take the
//! driver whom an order next door needs more.
//!
//! A cache that every cell writes for itself at each tick. What is missing or late costs a decision that looks less far around.

use crate::domain::cell::CellId;
use crate::domain::geo::Position;
use crate::domain::matching::OpenOrder;
use dashmap::DashMap;
use std::sync::Arc;

/// See the module.
#[derive(Default)]
pub struct Demand(DashMap<CellId, Arc<Vec<OpenOrder<Position>>>>);

impl Demand {
    /// What waits in a cell now, in place of what did before.
    pub fn put(&self, cell: CellId, orders: Vec<OpenOrder<Position>>) {
        if orders.is_empty() {
            self.0.remove(&cell);
        } else {
            self.0.insert(cell, Arc::new(orders));
        }
    }

    /// What waits in other cells within a radius of a point.
    #[must_use]
    pub fn around(&self, cell: CellId, centre: Position, radius_m: f64) -> Vec<OpenOrder<Position>> {
        let others = self.0.iter().filter(|entry| *entry.key() != cell).map(|entry| entry.value().clone());
        let waiting: Vec<Arc<Vec<OpenOrder<Position>>>> = others.collect();
        let near = |order: &&OpenOrder<Position>| order.pickup.distance_m(centre) <= radius_m;
        waiting.iter().flat_map(|orders| orders.iter()).filter(near).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::cell::CellResolution;
    use crate::domain::fleet::Needs;
    use crate::domain::ids::OrderId;
    use crate::domain::matching::Ready;
    use crate::domain::time::Millis;
    use std::collections::HashSet;

    #[test]
    fn a_cell_sees_what_waits_around_it_but_not_its_own() {
        let at = |lng| Position::new(43.77, lng).unwrap();
        let cell = |lng| CellId::at(at(lng), CellResolution::new(8).unwrap());
        let order = |id: &str, lng| OpenOrder {
            order_id: OrderId::parse(id).unwrap(),
            pickup: at(lng),
            dropoff: at(lng),
            shared_pickup: None,
            placed_at: Millis(0),
            due_at: Millis(0),
            ready: Ready { at: Millis(0), spread_s: 0.0 },
            needs: Needs::default(),
            refused_by: HashSet::new(),
            mine: true,
        };
        let demand = Demand::default();
        demand.put(cell(11.25), vec![order("own", 11.25)]);
        demand.put(cell(11.27), vec![order("near", 11.27)]);
        demand.put(cell(11.60), vec![order("far", 11.60)]);
        let seen = || demand.around(cell(11.25), at(11.25), 5_000.0);
        assert_eq!(seen().iter().map(|order| order.order_id.as_str()).collect::<Vec<_>>(), ["near"]);
        demand.put(cell(11.27), Vec::new());
        assert!(seen().is_empty());
    }
}
