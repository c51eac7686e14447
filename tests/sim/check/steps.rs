//! An order moves along the arrows of the contract only, and its version grows by exactly one with each event. The arrows are written a second time
//! here, from the contract.

use super::Seen;
use crate::history::Fact;
use beeline::domain::ids::OrderId;
use beeline::domain::order::OrderEvent;
use beeline::domain::order::Status;
use std::collections::BTreeMap;

/// From, event, to, and whose word it takes. What does not change the status stays within one that the list names.
const ARROWS: &[(&str, &str, &str, &str)] = &[
    ("created", "paid", "paid", "system"),
    ("paid", "scheduled", "scheduled", "system"),
    ("paid", "searching", "searching", "system"),
    ("scheduled", "searching", "searching", "system"),
    ("searching", "assigned", "assigned", "system operator"),
    ("assigned", "at_pickup", "at_pickup", "driver"),
    ("at_pickup", "picked_up", "picked_up", "driver"),
    ("picked_up", "at_dropoff", "at_dropoff", "driver"),
    ("at_dropoff", "delivered", "delivered", "driver"),
    ("assigned", "released", "searching", "system operator driver"),
    ("at_pickup", "released", "searching", "system operator driver"),
    ("searching", "offer_declined", "searching", "system"),
    ("searching", "offer_expired", "searching", "system"),
    ("searching", "parked", "searching", "system"),
    ("searching", "retried", "searching", "system operator"),
    ("paid", "ready", "paid", "merchant operator system"),
    ("scheduled", "ready", "scheduled", "merchant operator system"),
    ("searching", "ready", "searching", "merchant operator system"),
    ("assigned", "ready", "assigned", "merchant operator system"),
    ("at_pickup", "ready", "at_pickup", "merchant operator system"),
    ("created", "cancelled", "cancelled", "customer merchant operator"),
    ("paid", "cancelled", "cancelled", "customer merchant operator"),
    ("scheduled", "cancelled", "cancelled", "customer merchant operator"),
    ("searching", "cancelled", "cancelled", "customer merchant operator"),
    ("assigned", "cancelled", "cancelled", "customer merchant operator"),
    ("at_pickup", "cancelled", "cancelled", "customer merchant operator"),
    ("picked_up", "cancelled", "cancelled", "operator"),
    ("at_dropoff", "cancelled", "cancelled", "operator"),
    ("created", "failed", "failed", "system operator"),
    ("searching", "failed", "failed", "system operator"),
    ("picked_up", "failed", "failed", "system operator driver"),
    ("at_dropoff", "failed", "failed", "system operator driver"),
];

pub fn check(seen: &Seen<'_>) -> Result<(), String> {
    let mut known: BTreeMap<&OrderId, (Status, i64)> = BTreeMap::new();
    for moment in seen.history {
        match &moment.fact {
            Fact::Placed { order, .. } => {
                if (order.status, order.version) != (Status::Created, 1) {
                    return Err(format!("{} begins {:?} at version {}", order.order_id, order.status, order.version));
                }
                known.insert(&order.order_id, (order.status, 1));
            }
            Fact::Committed(commit) => {
                for change in &commit.changes {
                    let order = &change.order;
                    let Some((mut status, mut version)) = known.get(&order.order_id).copied() else {
                        return Err(format!("{} was never placed", order.order_id));
                    };
                    for event in &change.events {
                        follow(status, version, event)?;
                        (status, version) = (event.status, event.seq);
                    }
                    if (order.status, order.version) != (status, version) {
                        return Err(format!("{} is not where its events say", order.order_id));
                    }
                    known.insert(&order.order_id, (status, version));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn follow(status: Status, version: i64, event: &OrderEvent) -> Result<(), String> {
    if event.seq != version + 1 {
        return Err(format!("{}: event {} ({}) follows version {version}", event.order_id, event.seq, event.event));
    }
    let is_drawn = ARROWS.iter().any(|(from, name, to, by)| {
        *from == status.as_str()
            && *name == event.event
            && *to == event.status.as_str()
            && by.split(' ').any(|role| role == event.by)
    });
    if is_drawn {
        return Ok(());
    }
    let (from, to) = (status.as_str(), event.status.as_str());
    Err(format!("{}: no arrow from {from} by {} ({}) to {to}", event.order_id, event.event, event.by))
}
