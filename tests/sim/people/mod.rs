//! The people of a run: they know only what their phones and screens tell them, and use only the contract.

pub mod chaos;
pub mod customer;
pub mod driver;
pub mod operator;
pub mod watcher;

use crate::exec::Owner;
use crate::sim::Sim;
use std::rc::Rc;

/// Lets somebody begin; the run is not over before they have finished.
pub fn begin(sim: &Rc<Sim>, work: impl Future<Output = ()> + 'static) {
    sim.at_work.set(sim.at_work.get() + 1);
    let counted = sim.clone();
    sim.exec.spawn(Owner::World, async move {
        work.await;
        counted.at_work.set(counted.at_work.get() - 1);
    });
}
