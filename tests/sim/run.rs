//! One seed from its beginning to its end, and what the checkers say of it.

use crate::check;
use crate::check::Seen;
use crate::check::Violation;
use crate::exec::Slot;
use crate::history::Moment;
use crate::node::cell::BORDER;
use crate::people::begin;
use crate::people::chaos;
use crate::people::customer;
use crate::people::driver;
use crate::people::operator;
use crate::protocol::Draft;
use crate::sim::Here;
use crate::sim::NODES;
use crate::sim::START;
use crate::sim::Sim;
use crate::sim::Whereabouts;
use crate::switches::Switch;
use beeline::domain::geo::Position;
use beeline::domain::ids::DriverId;
use beeline::domain::ids::MerchantId;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::rc::Rc;

/// After faults stop an order has so long to end, in milliseconds. The longest pause of a search is half a minute, a letter is replayed five times.
const CALM_MS: i64 = 40 * 60 * 1_000;
/// What is still under way when all is done has so long to arrive, in milliseconds.
const FAREWELL_MS: i64 = 30_000;
/// Lines of the trace that a failure shows.
const TAIL: usize = 80;

/// What came of a seed.
pub struct Outcome {
    pub violations: Vec<Violation>,
    pub history: Vec<Moment>,
    /// For whoever reads a failure.
    pub report: String,
    pub steps: usize,
    /// What came to pass at least once, in the words of the trace.
    pub words: BTreeSet<&'static str>,
    pub is_done: bool,
}

/// Runs a seed, with one rule broken or none.
pub fn run(seed: u64, switch: Option<Switch>) -> Outcome {
    let sim = Sim::new(seed, switch);
    let faults = format!("{:#?}", sim.faults());
    let storm_ms = populate(&sim);
    let end = START + storm_ms + CALM_MS;
    let is_done = sim.exec.run(end, || sim.is_calm.get() && sim.at_work.get() == 0 && all_ended(&sim));
    sim.exec.run(sim.now() + FAREWELL_MS, || false);
    let history = sim.history.borrow();
    let store = sim.store.borrow();
    let violations = check::all(&Seen { history: &history, store: &store, is_done });
    let mut report = String::new();
    if !violations.is_empty() {
        write!(report, "seed {seed}, broken on purpose: {switch:?}, faults: {faults}\n{}", sim.trace.tail(TAIL, START))
            .unwrap();
        for violation in &violations {
            writeln!(report, "{}: {}", violation.checker, violation.what).unwrap();
        }
        writeln!(report, "replay: BEELINE_SIM_SEED={seed} cargo test --test sim replay -- --nocapture").unwrap();
    }
    drop((history, store));
    // Tasks hold the world, and the world its tasks.
    sim.exec.clear();
    let (steps, words) = (sim.trace.len(), sim.trace.words());
    Outcome { violations, history: sim.history.take(), report, steps, words, is_done }
}

fn all_ended(sim: &Sim) -> bool {
    sim.store.borrow().orders.values().all(|order| order.status.is_terminal())
}

/// Everybody who lives in this seed; says how long things go wrong, in milliseconds.
fn populate(sim: &Rc<Sim>) -> i64 {
    let faults = sim.faults();
    let storm_ms = sim.rng.between(20_000, 150_000);
    for number in 0..2 + sim.rng.below(3) {
        let driver_id = DriverId::from_generated(format!("driver{number}"));
        let is_far = number > 0 && sim.rng.chance(faults.far_away);
        let position = if is_far { Position::new(45.0, 9.0).unwrap() } else { somewhere(sim) };
        sim.streets.borrow_mut().insert(driver_id.clone(), Whereabouts { position, heard_at: START });
        sim.phones.borrow_mut().insert(driver_id.clone(), Slot::new());
        sim.exec.spawn(crate::exec::Owner::World, driver::live(sim.clone(), driver_id));
    }
    for node in 0..NODES {
        Here { sim: sim.clone(), node }.boot();
    }
    // A kitchen that several order from lets their orders travel together.
    let kitchen = sim.rng.chance(0.5).then(|| somewhere(sim));
    for number in 0..1 + sim.rng.below(5) {
        let kitchen = kitchen.filter(|_| sim.rng.chance(0.7));
        let draft = Draft {
            customer_id: customer::customer_id(number),
            merchant_id: kitchen.map(|_| MerchantId::from_generated("kitchen".to_owned())),
            pickup: kitchen.unwrap_or_else(|| somewhere(sim)),
            dropoff: somewhere(sim),
            prep_seconds: if sim.rng.chance(0.5) { 0 } else { u32::try_from(sim.rng.below(60)).unwrap() },
            unpaid: sim.rng.chance(faults.unpaid),
        };
        let delay_ms = sim.rng.between(0, storm_ms / 2);
        begin(sim, customer::live(sim.clone(), number, draft, delay_ms));
    }
    sim.exec.spawn(crate::exec::Owner::World, operator::live(sim.clone()));
    chaos::plan(sim, storm_ms);
    storm_ms
}

/// Within about two kilometres of the border between the cells.
fn somewhere(sim: &Sim) -> Position {
    Position::new(43.77 + 0.02 * (sim.rng.unit() - 0.5), BORDER + 0.04 * (sim.rng.unit() - 0.5)).unwrap()
}
