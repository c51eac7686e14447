//! What every actor of a node shares: the store, the live index, the directory, the settings that steer behaviour.

use crate::actors::board::Alert;
use crate::actors::board::Board;
use crate::actors::cell::Cell;
use crate::actors::demand::Demand;
use crate::actors::directory::Directory;
use crate::actors::directory::NotReady;
use crate::actors::driver::DriverActor;
use crate::actors::engagements::Engagements;
use crate::actors::live::LiveIndex;
use crate::actors::mailbox::tell;
use crate::actors::order::OrderActor;
use crate::actors::payment::Payment;
use crate::actors::recorder::Load;
use crate::actors::recorder::Recorder;
use crate::actors::revocations::Revocations;
use crate::actors::steward::Pulse;
use crate::actors::watch::WatchRegistry;
use crate::domain::cell::CellId;
use crate::domain::cell::CellResolution;
use crate::domain::dispatch::Policy;
use crate::domain::geo::Position;
use crate::domain::ids::DriverId;
use crate::domain::ids::OrderId;
use crate::store::Store;
use crate::telemetry::Metrics;
use actix::Actor;
use actix::Addr;
use parking_lot::RwLock;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Settings that steer the actors. A duration of 0 switches its limit off.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// Time between two live fixes of a driver over the long run.
    pub fix_interval_ms: i64,
    /// Live fixes a driver may send at once.
    pub fix_burst: u32,
    /// Least time between two pushes of one driver to one customer.
    pub push_interval_ms: i64,
    /// Age at which a position is shown as stale.
    pub stale_ms: i64,
    /// Age at which a position is not shown any more.
    pub gone_ms: i64,
    /// Time a driver has to answer an offer.
    pub offer_timeout_ms: i64,
    /// Farthest a driver may be from a pickup, in metres.
    pub match_radius_m: f64,
    /// Orders in one assignment of a driver whose profile says nothing else.
    pub driver_capacity: usize,
    /// How drivers are chosen.
    pub policy: Policy,
    /// A driver without socket and fix for this long is lost.
    pub driver_lost_ms: i64,
    /// A driver who gets no nearer to the pickup for this long is taken off the order.
    pub driver_stalled_ms: i64,
    /// Vain tries after which an order becomes a dead letter.
    pub tries_max: u32,
    /// Resolution of the cells.
    pub cell_resolution: CellResolution,
}

/// See the module. Cheap to share: one `Arc` a node.
pub struct World {
    /// Settings.
    pub tuning: Tuning,
    /// The truth.
    pub store: Store,
    /// Where every driver is now.
    pub live: LiveIndex,
    /// Where every actor lives.
    pub directory: Directory,
    /// What waits for a decision, by cell.
    pub demand: Demand,
    /// When those who carry something will be free, and where.
    pub engagements: Engagements,
    /// Who may see whom.
    pub watches: WatchRegistry,
    /// Tokens that are void, and the sockets that hang on tokens.
    pub revocations: Arc<Revocations>,
    /// How the steward is doing.
    pub steward: Pulse,
    /// Counters and histograms.
    pub metrics: Metrics,
    /// What is on its way through the recorder.
    pub recorder_load: Arc<Load>,
    /// The payment provider.
    pub payment: Arc<dyn Payment>,
    recorder: RwLock<Option<Addr<Recorder>>>,
    board: RwLock<Option<Addr<Board>>>,
    viewers: AtomicU64,
    sessions: AtomicU64,
}

impl World {
    /// A world without actors yet.
    #[must_use]
    pub fn new(tuning: Tuning, store: Store, metrics: Metrics, payment: Arc<dyn Payment>) -> Arc<Self> {
        Arc::new(Self {
            tuning,
            store,
            live: LiveIndex::default(),
            directory: Directory::default(),
            demand: Demand::default(),
            engagements: Engagements::default(),
            watches: WatchRegistry::default(),
            revocations: Arc::default(),
            steward: Pulse::default(),
            metrics,
            recorder_load: Arc::default(),
            payment,
            recorder: RwLock::default(),
            board: RwLock::default(),
            viewers: AtomicU64::new(0),
            sessions: AtomicU64::new(0),
        })
    }

    /// The recorder, made if need be.
    pub fn recorder(self: &Arc<Self>) -> Result<Addr<Recorder>, NotReady> {
        only_one(&self.recorder, || {
            let world = self.clone();
            self.directory.start("recorder", move |ctx| Recorder::new(world, ctx))
        })
    }

    /// The board of the operators, made if need be.
    pub fn board(self: &Arc<Self>) -> Result<Addr<Board>, NotReady> {
        only_one(&self.board, || {
            let world = self.clone();
            self.directory.start("board", move |ctx| Board::new(world, ctx))
        })
    }

    /// Tells every operator who looks.
    pub fn alert(self: &Arc<Self>, alert: Alert) {
        if let Ok(board) = self.board() {
            tell(&board, alert);
        }
    }

    /// Whether any operator looks.
    pub fn has_viewers(&self) -> bool {
        self.viewers.load(Ordering::Relaxed) > 0
    }

    /// Notes how many operators look.
    pub fn set_viewers(&self, count: usize) {
        self.viewers.store(count as u64, Ordering::Relaxed);
    }

    /// A number for a new session, growing: of two sessions of a driver the higher one is the newer.
    pub fn next_session(&self) -> u64 {
        self.sessions.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The cell a position lies in.
    #[must_use]
    pub fn cell_at(&self, position: Position) -> CellId {
        CellId::at(position, self.tuning.cell_resolution)
    }

    /// The driver's actor, made if need be.
    pub fn driver(self: &Arc<Self>, driver_id: &DriverId) -> Result<Addr<DriverActor>, NotReady> {
        self.directory.driver_or(driver_id, || {
            let (world, id) = (self.clone(), driver_id.clone());
            self.directory.start(driver_id, move |ctx| DriverActor::new(id, world, ctx))
        })
    }

    /// The cell's actor, made if need be.
    pub fn cell(self: &Arc<Self>, cell: CellId) -> Result<Addr<Cell>, NotReady> {
        self.directory.cell_or(cell, || {
            let world = self.clone();
            self.directory.start(&cell, move |ctx| Cell::new(cell, world, ctx))
        })
    }

    /// The order's actor, made if need be.
    pub fn order(self: &Arc<Self>, order_id: &OrderId) -> Result<Addr<OrderActor>, NotReady> {
        self.directory.order_or(order_id, || {
            let (world, id) = (self.clone(), order_id.clone());
            self.directory.start(order_id, move |ctx| OrderActor::new(id, world, ctx))
        })
    }
}

/// The actor of which a node has one; a dead one is replaced.
fn only_one<A: Actor>(
    place: &RwLock<Option<Addr<A>>>,
    make: impl FnOnce() -> Result<Addr<A>, NotReady>,
) -> Result<Addr<A>, NotReady> {
    let alive = |addr: &&Addr<A>| addr.connected();
    if let Some(addr) = place.read().as_ref().filter(alive) {
        return Ok(addr.clone());
    }
    let mut place = place.write();
    if let Some(addr) = place.as_ref().filter(alive) {
        return Ok(addr.clone());
    }
    Ok(place.insert(make()?).clone())
}
