//! Whatever an operator has done to an order has its audit row, and nothing else has.

use super::Seen;
use crate::history::Fact;
use beeline::domain::ids::OrderId;
use std::collections::BTreeMap;

pub fn check(seen: &Seen<'_>) -> Result<(), String> {
    let mut done: BTreeMap<&OrderId, usize> = BTreeMap::new();
    for moment in seen.history {
        let Fact::Committed(commit) = &moment.fact else { continue };
        for change in &commit.changes {
            if change.events.iter().any(|event| event.by == "operator") {
                *done.entry(&change.order.order_id).or_default() += 1;
            }
        }
    }
    let mut written: BTreeMap<&OrderId, usize> = BTreeMap::new();
    for order_id in seen.store.audit.iter().filter_map(|entry| entry.order_id.as_ref()) {
        *written.entry(order_id).or_default() += 1;
    }
    if written == done { Ok(()) } else { Err(format!("done by hand: {done:?}, audit rows: {written:?}")) }
}
