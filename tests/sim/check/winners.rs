//! An order has one winner at a time: between two drivers lies a release, and only who has it moves it on.

use super::Seen;
use crate::history::Fact;
use beeline::domain::ids::DriverId;
use beeline::domain::ids::OrderId;
use std::collections::BTreeMap;

pub fn check(seen: &Seen<'_>) -> Result<(), String> {
    let mut holders: BTreeMap<&OrderId, &DriverId> = BTreeMap::new();
    for moment in seen.history {
        let Fact::Committed(commit) = &moment.fact else { continue };
        for event in commit.changes.iter().flat_map(|change| &change.events) {
            match (event.event.as_str(), &event.driver_id) {
                ("assigned", Some(winner)) => {
                    if let Some(other) = holders.insert(&event.order_id, winner) {
                        return Err(format!("{} went to {winner} while {other} had it", event.order_id));
                    }
                }
                ("released", _) => {
                    let holder = holders.remove(&event.order_id);
                    holder.ok_or_else(|| format!("{} was taken from nobody", event.order_id))?;
                }
                ("at_pickup" | "picked_up" | "at_dropoff" | "delivered", driver_id)
                    if holders.get(&event.order_id).copied() != driver_id.as_ref() =>
                {
                    return Err(format!("{} was moved on by {driver_id:?}, who does not have it", event.order_id));
                }
                _ => {}
            }
        }
    }
    Ok(())
}
