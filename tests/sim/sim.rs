//! The world of one run: its time, its luck, its store, its nodes and what has happened so far.

use crate::exec::Exec;
use crate::exec::Owner;
use crate::exec::Slot;
use crate::faults::Faults;
use crate::history::Fact;
use crate::history::Moment;
use crate::node::Node;
use crate::rng::Rng;
use crate::store::model::Model;
use crate::stream::Stream;
use crate::switches::Switch;
use crate::trace::Subject;
use crate::trace::Trace;
use beeline::domain::dispatch::Offer;
use beeline::domain::geo::Position;
use beeline::domain::ids::DriverId;
use beeline::domain::ids::OrderId;
use beeline::domain::time::Millis;
use std::cell::Cell;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::rc::Rc;

/// When every run begins.
pub const START: Millis = Millis(1_760_000_000_000);
/// Nodes of the cluster.
pub const NODES: usize = 2;

/// Where a driver is, as every node knows.
#[derive(Clone, Copy)]
pub struct Whereabouts {
    pub position: Position,
    pub heard_at: Millis,
}

/// See the module.
pub struct Sim {
    pub exec: Exec,
    pub rng: Rng,
    pub trace: Trace,
    pub store: RefCell<Model>,
    pub history: RefCell<Vec<Moment>>,
    pub nodes: [RefCell<Node>; NODES],
    /// The nodes do not hear each other.
    pub is_cut: Cell<bool>,
    pub streets: RefCell<BTreeMap<DriverId, Whereabouts>>,
    /// Where a driver's phone gets its offers.
    pub phones: RefCell<BTreeMap<DriverId, Rc<Slot<Offer>>>>,
    pub streams: RefCell<BTreeMap<u64, Rc<Stream>>>,
    /// Orders whose driver is lost with the goods.
    pub alerts: RefCell<Vec<OrderId>>,
    /// People who have not finished yet.
    pub at_work: Cell<usize>,
    pub is_calm: Cell<bool>,
    faults: RefCell<Rc<Faults>>,
    numbers: Cell<u64>,
}

impl Sim {
    pub fn new(seed: u64, switch: Option<Switch>) -> Rc<Self> {
        let rng = Rng::new(seed);
        let faults = Faults::draw(&rng);
        Rc::new(Self {
            exec: Exec::new(START),
            rng,
            trace: Trace::default(),
            store: RefCell::new(Model { switch, ..Model::default() }),
            history: RefCell::default(),
            nodes: [RefCell::default(), RefCell::default()],
            is_cut: Cell::new(false),
            streets: RefCell::default(),
            phones: RefCell::default(),
            streams: RefCell::default(),
            alerts: RefCell::default(),
            at_work: Cell::new(0),
            is_calm: Cell::new(false),
            faults: RefCell::new(Rc::new(faults)),
            numbers: Cell::new(0),
        })
    }

    pub fn now(&self) -> Millis {
        self.exec.now()
    }

    pub fn faults(&self) -> Rc<Faults> {
        self.faults.borrow().clone()
    }

    /// From here on nothing goes wrong any more.
    pub fn calm_down(&self) {
        let calm = self.faults().calm();
        *self.faults.borrow_mut() = Rc::new(calm);
        self.is_calm.set(true);
        self.is_cut.set(false);
    }

    pub fn is_broken(&self, switch: Switch) -> bool {
        self.store.borrow().is_broken(switch)
    }

    pub fn number(&self) -> u64 {
        self.numbers.set(self.numbers.get() + 1);
        self.numbers.get()
    }

    /// An id that nobody else has, and that sorts after those before it.
    pub fn fresh_id(&self) -> String {
        format!("x{:05}", self.number())
    }

    pub fn note(&self, what: &'static str, subject: Subject, number: i64) {
        self.trace.note(self.now(), what, subject, number);
    }

    pub fn record(&self, fact: Fact) {
        self.history.borrow_mut().push(Moment { at: self.now(), fact });
    }
}

/// Code that runs on a node.
#[derive(Clone)]
pub struct Here {
    pub sim: Rc<Sim>,
    pub node: usize,
}

impl Deref for Here {
    type Target = Sim;

    fn deref(&self) -> &Sim {
        &self.sim
    }
}

impl Here {
    /// Runs until it is done or the node dies.
    pub fn spawn(&self, work: impl Future<Output = ()> + 'static) {
        self.exec.spawn(Owner::Node(self.node), work);
    }

    pub fn me(&self) -> &RefCell<Node> {
        &self.nodes[self.node]
    }

    /// The other node, as far as the world outside is concerned.
    pub fn other(&self) -> Here {
        Here { sim: self.sim.clone(), node: 1 - self.node }
    }
}
