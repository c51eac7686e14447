//! Whoever follows an order is sent every event after the last one they had seen, in order, each as it was committed, up to the last.

use super::Seen;
use crate::history::Fact;
use beeline::domain::ids::OrderId;
use beeline::domain::order::OrderEvent;
use std::collections::BTreeMap;

pub fn check(seen: &Seen<'_>) -> Result<(), String> {
    let mut committed: BTreeMap<(&OrderId, i64), &OrderEvent> = BTreeMap::new();
    let mut told: BTreeMap<u64, i64> = BTreeMap::new();
    let mut newest: BTreeMap<(usize, &OrderId), i64> = BTreeMap::new();
    for moment in seen.history {
        match &moment.fact {
            Fact::Committed(commit) => {
                for event in commit.changes.iter().flat_map(|change| &change.events) {
                    committed.insert((&event.order_id, event.seq), event);
                }
            }
            Fact::Saw { watcher, stream, after, event } => {
                let last = told.insert(*stream, event.seq).unwrap_or(*after);
                if event.seq != last + 1 {
                    return Err(format!("watcher {watcher} of {} saw {} after {last}", event.order_id, event.seq));
                }
                let is_true = event.seq == 1 || committed.get(&(&event.order_id, event.seq)) == Some(&event);
                if !is_true {
                    return Err(format!("watcher {watcher} saw {event:?}, which was not committed"));
                }
                newest.insert((*watcher, &event.order_id), event.seq);
            }
            _ => {}
        }
    }
    let late = newest.iter().find(|((_, order_id), seq)| {
        seen.is_done && seen.store.orders.get(*order_id).is_some_and(|order| order.version != **seq)
    });
    late.map_or(Ok(()), |((watcher, order_id), seq)| Err(format!("watcher {watcher} of {order_id} stopped at {seq}")))
}
