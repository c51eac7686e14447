//! Whoever refused an order, or was taken off it, is not asked for it again by a cell that has heard so, before a minute has passed in which it
//! could have been forgiven.

use super::Seen;
use crate::history::Fact;
use beeline::domain::ids::DriverId;
use beeline::domain::ids::OrderId;
use beeline::domain::time::Millis;
use std::collections::BTreeMap;

/// The least time after which a book forgives, in milliseconds.
const FORGIVE_MS: i64 = 60_000;

pub fn check(seen: &Seen<'_>) -> Result<(), String> {
    let mut heard: BTreeMap<(u64, &OrderId), BTreeMap<&DriverId, Millis>> = BTreeMap::new();
    for moment in seen.history {
        match &moment.fact {
            Fact::Heard { cell, order_id, refused_by } => {
                let known = heard.entry((*cell, order_id)).or_default();
                for driver_id in refused_by {
                    known.entry(driver_id).or_insert(moment.at);
                }
            }
            Fact::Closed { cell, order_id } => drop(heard.remove(&(*cell, order_id))),
            Fact::Asked { cell, offer } => {
                for order_id in &offer.order_ids {
                    let known = heard.get(&(*cell, order_id)).and_then(|known| known.get(&offer.driver_id));
                    if known.is_some_and(|at| moment.at.since(*at) < FORGIVE_MS) {
                        return Err(format!(
                            "{} was asked for {order_id} at {:?}, refused {known:?}",
                            offer.driver_id, moment.at
                        ));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}
