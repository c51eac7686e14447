//! A driver's version grows by one with each change, and whoever gives them work has decided on the version before it.

use super::Seen;
use crate::history::Fact;
use beeline::domain::dispatch::AssignmentChange;
use beeline::domain::ids::DriverId;
use std::collections::BTreeMap;

pub fn check(seen: &Seen<'_>) -> Result<(), String> {
    let mut versions: BTreeMap<&DriverId, i64> = BTreeMap::new();
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
