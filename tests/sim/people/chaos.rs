//! Nobody's friend: lets nodes die and part, until the moment from which all is calm.

use crate::exec::Owner;
use crate::sim::Here;
use crate::sim::NODES;
use crate::sim::Sim;
use crate::trace::Subject;
use std::rc::Rc;

/// Plans what goes wrong with the nodes within the given time, and the calm after it.
pub fn plan(sim: &Rc<Sim>, storm_ms: i64) {
    let faults = sim.faults();
    for _ in 0..faults.crashes {
        let (at, node) = (sim.rng.between(0, storm_ms), sim.rng.below(NODES));
        let here = Here { sim: sim.clone(), node };
        sim.exec.spawn(Owner::World, async move {
            here.exec.sleep(at).await;
            here.crash(node);
        });
    }
    for _ in 0..faults.partitions {
        let (at, length) = (sim.rng.between(0, storm_ms), sim.rng.between(1_000, 30_000));
        let here = Here { sim: sim.clone(), node: 0 };
        sim.exec.spawn(Owner::World, async move {
            here.exec.sleep(at).await;
            here.part(length).await;
        });
    }
    let calm = sim.clone();
    sim.exec.spawn(Owner::World, async move {
        calm.exec.sleep(storm_ms).await;
        calm.calm_down();
        calm.note("calm", Subject::Node(0), 0);
    });
}
