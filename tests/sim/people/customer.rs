//! A customer: places one order, patiently, has it watched, and may call it off. The kitchen's word is here as well.

use crate::net::Command;
use crate::people::begin;
use crate::people::watcher;
use crate::protocol::Draft;
use crate::protocol::Reply;
use crate::protocol::Request;
use crate::sim::Sim;
use beeline::domain::ids::CustomerId;
use beeline::domain::ids::OrderId;
use beeline::domain::order::By;
use beeline::domain::order::Step;
use std::rc::Rc;

/// Everything a customer and their kitchen do.
pub async fn live(sim: Rc<Sim>, number: usize, draft: Draft, delay_ms: i64) {
    sim.exec.sleep(delay_ms).await;
    let key = format!("key{number}");
    let placing = Command::new(&sim, Request::Place { key, draft: draft.clone() });
    let Some(Reply::Placed(receipt)) = placing.settle(&sim).await else { return };
    let order_id = receipt.order_id;
    begin(&sim, watcher::watch(sim.clone(), number, order_id.clone()));
    if draft.prep_seconds > 0 {
        begin(&sim, cook(sim.clone(), order_id.clone(), draft.prep_seconds));
    }
    let faults = sim.faults();
    if sim.rng.chance(faults.cancelled) {
        sim.exec.sleep(sim.rng.between(0, 90_000)).await;
        step(&sim, &order_id, Step::Cancel, By::Customer).await;
    }
}

async fn cook(sim: Rc<Sim>, order_id: OrderId, seconds: u32) {
    let early_or_late = sim.rng.between(-15_000, 30_000);
    sim.exec.sleep((i64::from(seconds) * 1_000 + early_or_late).max(0)).await;
    // Now and then a kitchen forgets to say so.
    if sim.rng.chance(0.7) {
        step(&sim, &order_id, Step::Ready, By::Merchant).await;
    }
}

/// Asks for a step, until there is an answer.
pub async fn step(sim: &Rc<Sim>, order_id: &OrderId, step: Step, by: By) -> Option<Reply> {
    Command::new(sim, Request::Step { order_id: order_id.clone(), step, by }).settle(sim).await
}

/// Who orders.
pub fn customer_id(number: usize) -> CustomerId {
    CustomerId::from_generated(format!("customer{number}"))
}
