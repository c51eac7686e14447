//! A watcher's connection: frames arrive in order and once, until it breaks, and then what was under way is lost.

use crate::exec::Owner;
use crate::exec::Slot;
use crate::history::Fact;
use crate::sim::Sim;
use beeline::domain::order::OrderEvent;
use std::cell::Cell;
use std::rc::Rc;

/// See the module.
pub struct Stream {
    pub number: u64,
    pub watcher: usize,
    /// The node at the other end.
    pub node: usize,
    /// The last event the watcher had seen.
    pub after: i64,
    pub is_open: Cell<bool>,
    pub inbox: Rc<Slot<OrderEvent>>,
    busy_until: Cell<i64>,
}

impl Stream {
    pub fn new(sim: &Sim, watcher: usize, node: usize, after: i64) -> Rc<Self> {
        let stream = Rc::new(Self {
            number: sim.number(),
            watcher,
            node,
            after,
            is_open: Cell::new(true),
            inbox: Slot::new(),
            busy_until: Cell::new(0),
        });
        sim.streams.borrow_mut().insert(stream.number, stream.clone());
        stream
    }

    /// From the node: the next frame.
    pub fn push(self: &Rc<Self>, sim: &Rc<Sim>, event: OrderEvent) {
        let faults = sim.faults();
        if sim.rng.chance(faults.stream_cut) {
            self.is_open.set(false);
        }
        if !self.is_open.get() {
            return;
        }
        let now = sim.now().0;
        let at = self.busy_until.get().max(now + sim.rng.between(1, faults.message_ms));
        self.busy_until.set(at);
        let (sim, stream) = (sim.clone(), self.clone());
        sim.clone().exec.spawn(Owner::World, async move {
            sim.exec.sleep(at - now).await;
            if stream.is_open.get() {
                let (watcher, after) = (stream.watcher, stream.after);
                sim.record(Fact::Saw { watcher, stream: stream.number, after, event: event.clone() });
                sim.exec.put(&stream.inbox, event);
            }
        });
    }
}
