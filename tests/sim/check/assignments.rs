//! A driver has at most one active assignment, counted from the orders that commits have given and taken.

use super::Seen;
use crate::history::Fact;
use beeline::domain::ids::AssignmentId;
use beeline::domain::ids::DriverId;
use beeline::domain::ids::OrderId;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

pub fn check(seen: &Seen<'_>) -> Result<(), String> {
    let mut carried: BTreeMap<&OrderId, (&DriverId, &AssignmentId)> = BTreeMap::new();
    for moment in seen.history {
        let Fact::Committed(commit) = &moment.fact else { continue };
        for order in commit.changes.iter().map(|change| &change.order) {
            match (order.status.is_active(), &order.driver_id, &order.assignment_id) {
                (true, Some(driver_id), Some(assignment_id)) => {
                    carried.insert(&order.order_id, (driver_id, assignment_id));
                }
                (true, ..) => return Err(format!("{} is {:?} by nobody", order.order_id, order.status)),
                (false, ..) => drop(carried.remove(&order.order_id)),
            }
        }
        let mut by_driver: BTreeMap<&DriverId, BTreeSet<&AssignmentId>> = BTreeMap::new();
        for (driver_id, assignment_id) in carried.values() {
            by_driver.entry(driver_id).or_default().insert(assignment_id);
        }
        if let Some((driver_id, both)) = by_driver.iter().find(|(_, assignments)| assignments.len() > 1) {
            return Err(format!("{driver_id} has {both:?} at {:?}", moment.at));
        }
    }
    Ok(())
}
