//! An order that is parked has one dead letter, and no other order has any.

use super::Seen;
use beeline::domain::ids::OrderId;
use beeline::domain::order::Order;

pub fn check(seen: &Seen<'_>) -> Result<(), String> {
    let mut written: Vec<&OrderId> =
        seen.store.letters.values().filter_map(|letter| letter.order_id.as_ref()).collect();
    written.sort();
    let parked: Vec<&OrderId> =
        seen.store.orders.values().filter(|order| Order::is_parked(order)).map(|order| &order.order_id).collect();
    if written == parked { Ok(()) } else { Err(format!("letters of {written:?}, parked are {parked:?}")) }
}
