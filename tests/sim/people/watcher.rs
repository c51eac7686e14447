//! Somebody who follows an order to its end, over connections that break: every new one asks for what comes after the last event seen.

use crate::net::Command;
use crate::protocol::Reply;
use crate::protocol::Request;
use crate::sim::NODES;
use crate::sim::Sim;
use crate::stream::Stream;
use beeline::domain::ids::OrderId;
use std::rc::Rc;

/// A connection on which nothing comes for so long is tried anew, in milliseconds.
const PATIENCE_MS: i64 = 30_000;

pub async fn watch(sim: Rc<Sim>, watcher: usize, order_id: OrderId) {
    let mut seen = 0;
    loop {
        let node = sim.rng.below(NODES);
        let stream = Stream::new(&sim, watcher, node, seen);
        let request = Request::Subscribe { stream: stream.number, order_id: order_id.clone(), after: seen };
        let answer = Command::new(&sim, request).ask(&sim, node).await;
        if matches!(answer, Some(Reply::Done)) {
            while let Some(event) = sim.exec.take(&stream.inbox, PATIENCE_MS).await {
                seen = event.seq;
                if event.status.is_terminal() {
                    return;
                }
            }
        }
        stream.is_open.set(false);
        sim.exec.sleep(sim.rng.between(100, 2_000)).await;
    }
}
