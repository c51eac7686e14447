//! An operator: sees to alerts and dead letters, and meddles where the seed says so.

use crate::desk::hand::operator;
use crate::net::Command;
use crate::people::customer::step;
use crate::protocol::Reply;
use crate::protocol::Request;
use crate::sim::Sim;
use beeline::domain::ids::DeadLetterId;
use beeline::domain::ids::DriverId;
use beeline::domain::ids::OrderId;
use beeline::domain::order::Status;
use beeline::domain::order::Step;
use std::rc::Rc;

/// Goes on until the run ends.
pub async fn live(sim: Rc<Sim>) {
    let mut replays = 0;
    loop {
        sim.exec.sleep(sim.rng.between(2_000, 12_000)).await;
        let alerts = std::mem::take(&mut *sim.alerts.borrow_mut());
        for order_id in alerts {
            step(&sim, &order_id, Step::Cancel, operator()).await;
        }
        if sim.faults().meddling {
            meddle(&sim).await;
        }
        // Some letters lie for a while.
        if sim.is_calm.get() || sim.rng.chance(0.3) {
            see_to_letters(&sim, &mut replays).await;
        }
    }
}

async fn see_to_letters(sim: &Rc<Sim>, replays: &mut usize) {
    let Some(Reply::Letters(letters)) = Command::new(sim, Request::Letters).settle(sim).await else { return };
    for letter in letters {
        *replays += 1;
        let is_hopeful = *replays < 6 && sim.rng.chance(0.7);
        see_to(sim, letter, is_hopeful).await;
    }
}

async fn see_to(sim: &Rc<Sim>, letter: DeadLetterId, is_hopeful: bool) {
    let request = if is_hopeful { Request::Replay { letter } } else { Request::Purge { letter } };
    Command::new(sim, request).settle(sim).await;
}

/// Does something to some order, as it comes.
async fn meddle(sim: &Rc<Sim>) {
    let open: Vec<(OrderId, Status)> =
        sim.store.borrow().orders_open().into_iter().map(|order| (order.order_id, order.status)).collect();
    let drivers: Vec<DriverId> = sim.streets.borrow().keys().cloned().collect();
    let Some((order_id, _)) = open.get(sim.rng.below(open.len())).cloned() else { return };
    let request = match sim.rng.below(8) {
        0..5 => Request::Assign { order_id, driver_id: drivers[sim.rng.below(drivers.len())].clone() },
        5..7 => Request::Unassign { order_id },
        _ => Request::Step { order_id, step: Step::Cancel, by: operator() },
    };
    Command::new(sim, request).settle(sim).await;
}
