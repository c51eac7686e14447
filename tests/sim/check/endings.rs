//! Once faults have stopped every order ends delivered, failed or cancelled, and whoever follows it learns so.

use super::Seen;

pub fn check(seen: &Seen<'_>) -> Result<(), String> {
    if let Some(order) = seen.store.orders.values().find(|order| !order.status.is_terminal()) {
        let parked = if order.is_parked() { ", parked" } else { "" };
        return Err(format!("{} is still {:?}{parked} at version {}", order.order_id, order.status, order.version));
    }
    if seen.is_done { Ok(()) } else { Err("somebody still waits for an answer or for the end of an order".to_owned()) }
}
