//! A driver's version grows by one with each change, which the end of an assignment is as well; and whoever gives them work has decided on the
//! version before it.

use super::Seen;
use crate::history::Fact;
use beeline::domain::dispatch::AssignmentChange;
use beeline::domain::dispatch::Commit;
use beeline::domain::ids::AssignmentId;
use beeline::domain::ids::DriverId;
use beeline::domain::ids::OrderId;
use std::collections::BTreeMap;

/// Who carries what, by the commits so far.
#[derive(Default)]
struct Carried<'a>(BTreeMap<&'a OrderId, (&'a DriverId, &'a AssignmentId)>);

pub fn check(seen: &Seen<'_>) -> Result<(), String> {
    let mut versions: BTreeMap<&DriverId, i64> = BTreeMap::new();
    let mut carried = Carried::default();
    for moment in seen.history {
        match &moment.fact {
            Fact::DriverSaved(driver) => {
                let version = versions.entry(&driver.driver_id).or_insert(0);
                if driver.version != *version + 1 {
                    return Err(format!("{} was saved at {} over {version}", driver.driver_id, driver.version));
                }
                *version = driver.version;
            }
            Fact::Committed(commit) => {
                for driver_id in carried.follow(commit) {
                    *versions.entry(driver_id).or_insert(0) += 1;
                }
                for change in &commit.assignments {
                    let AssignmentChange::Begin { driver_id, driver_version, .. } = change else { continue };
                    let version = versions.entry(driver_id).or_insert(0);
                    if driver_version != version {
                        return Err(format!("{driver_id} at {version} was given work decided at {driver_version}"));
                    }
                    *version += 1;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

impl<'a> Carried<'a> {
    /// Goes along with a commit; the drivers of whose assignments nothing is left.
    fn follow(&mut self, commit: &'a Commit) -> Vec<&'a DriverId> {
        let mut left = BTreeMap::new();
        for order in commit.changes.iter().map(|change| &change.order) {
            if let Some((driver_id, assignment_id)) = self.0.remove(&order.order_id) {
                left.insert(assignment_id, driver_id);
            }
            if let (true, Some(driver_id), Some(assignment_id)) =
                (order.status.is_active(), &order.driver_id, &order.assignment_id)
            {
                self.0.insert(&order.order_id, (driver_id, assignment_id));
            }
        }
        left.retain(|assignment_id, _| self.0.values().all(|(_, other)| other != assignment_id));
        left.into_values().collect()
    }
}
