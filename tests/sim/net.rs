//! Messages between any two parties: late, lost, twice, in any order. And a client's patience with them.

use crate::exec::Owner;
use crate::exec::Slot;
use crate::history::Fact;
use crate::node::serve::serve;
use crate::protocol::Reply;
use crate::protocol::Request;
use crate::sim::Here;
use crate::sim::NODES;
use crate::sim::Sim;
use std::rc::Rc;

/// A client waits so long for an answer, in milliseconds.
const ANSWER_MS: i64 = 10_000;
/// A client asks so often before it gives up.
const TRIES: usize = 40;

/// Sends a message: `deliver` runs when it arrives, as often as it does.
pub fn send(sim: &Rc<Sim>, deliver: impl Fn(&Rc<Sim>) + 'static) {
    let faults = sim.faults();
    let copies = if sim.rng.chance(faults.message_twice) { 2 } else { 1 };
    let deliver = Rc::new(deliver);
    for _ in 0..copies {
        if sim.rng.chance(faults.message_lost) {
            continue;
        }
        let (sim, deliver) = (sim.clone(), deliver.clone());
        let way_ms = sim.rng.between(1, faults.message_ms);
        sim.clone().exec.spawn(Owner::World, async move {
            sim.exec.sleep(way_ms).await;
            deliver(&sim);
        });
    }
}

/// One command of a client: repeats carry the same name.
#[derive(Clone)]
pub struct Command {
    pub name: Rc<str>,
    pub request: Rc<Request>,
}

impl Command {
    pub fn new(sim: &Sim, request: Request) -> Self {
        Self { name: Rc::from(format!("command {}", sim.number())), request: Rc::new(request) }
    }

    /// Sends it to a node and waits for an answer. What comes in later is noted as well.
    pub async fn ask(&self, sim: &Rc<Sim>, node: usize) -> Option<Reply> {
        let slot = Slot::new();
        let (command, answered) = (self.clone(), slot.clone());
        send(sim, move |sim| {
            if !sim.nodes[node].borrow().is_up {
                return;
            }
            let here = Here { sim: sim.clone(), node };
            let (command, slot) = (command.clone(), answered.clone());
            let asked_at = sim.now();
            here.clone().spawn(async move {
                let reply = serve(&here, &command.request).await;
                send(&here.sim, move |sim| {
                    let (command, request) = (command.name.clone(), command.request.clone());
                    sim.record(Fact::Told { command, request, asked_at, reply: reply.clone() });
                    sim.exec.put(&slot, reply.clone());
                });
            });
        });
        sim.exec.take(&slot, ANSWER_MS).await
    }

    /// Asks one node or the other until the answer is final.
    pub async fn settle(&self, sim: &Rc<Sim>) -> Option<Reply> {
        for _ in 0..TRIES {
            let node = sim.rng.below(NODES);
            match self.ask(sim, node).await {
                Some(reply) if !reply.is_passing() => {
                    self.repeat(sim);
                    return Some(reply);
                }
                _ => sim.exec.sleep(sim.rng.between(100, 3_000)).await,
            }
        }
        None
    }

    /// Now and then a client sends again what was answered: it was the answer's first copy that got lost.
    fn repeat(&self, sim: &Rc<Sim>) {
        if !sim.rng.chance(sim.faults().repeated) {
            return;
        }
        let (sim, command) = (sim.clone(), self.clone());
        sim.clone().exec.spawn(Owner::World, async move {
            sim.exec.sleep(sim.rng.between(1, 20_000)).await;
            let node = sim.rng.below(NODES);
            command.ask(&sim, node).await;
        });
    }
}
