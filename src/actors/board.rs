//! The board: what operators look at. One actor a node; cells and orders report to it, and twice a second it wakes the sessions that have news.
//!
//! What waits for a session is a map of the newest, so a slow reader costs no more than the city itself. Cells report only while somebody looks.

use crate::actors::outbox::Event;
use crate::actors::outbox::Outbox;
use crate::actors::world::World;
use crate::clock;
use crate::domain::cell::CellId;
use crate::domain::driver::DriverStatus;
use crate::domain::geo::BoundingBox;
use crate::domain::ids::DriverId;
use crate::domain::ids::OrderId;
use crate::domain::order::Order;
use crate::domain::order::Status;
use crate::limits::MAILBOX_MAX;
use crate::limits::OPERATOR_DELTA_MS;
use crate::protocol::close::CloseCode;
use crate::protocol::inbound::Layer;
use crate::protocol::order::OrderOut;
use crate::protocol::outbound::AlertOut;
use crate::protocol::outbound::CellOut;
use crate::protocol::outbound::LiveOut;
use crate::protocol::outbound::Removed;
use crate::protocol::outbound::Scene;
use crate::protocol::outbound::encode;
use crate::protocol::outbound::ring;
use actix::Actor;
use actix::AsyncContext;
use actix::Context;
use actix::Handler;
use actix::Message;
use actix::fut::ActorFutureExt;
use actix::fut::wrap_future;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// From a cell, while anybody looks: what changed inside. May be lost: drivers report again.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CellReport {
    /// Which.
    pub cell: CellId,
    /// Drivers with a new position or status.
    pub changed: Vec<DriverId>,
    /// Drivers without a position any more.
    pub left: Vec<DriverId>,
    /// Supply.
    pub free_drivers: usize,
    /// Demand.
    pub open_orders: usize,
}

/// From an order: it changed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct OrderSeen {
    /// The order.
    pub order: Arc<Order>,
}

/// From whoever finds that a person has to look: told to every operator who looks.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Alert {
    /// What is wrong.
    pub code: &'static str,
    /// With which order.
    pub order_id: Option<OrderId>,
    /// With which driver.
    pub driver_id: Option<DriverId>,
    /// For people.
    pub detail: &'static str,
}

/// From an operator's session: show me this area. In place of what the session asked for before.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ViewArea {
    /// The session's number.
    pub session: u64,
    /// Woken when there is news.
    pub outbox: Arc<Outbox>,
    /// Where the news is put.
    pub tray: Arc<Tray>,
    /// What to show.
    pub area: BoundingBox,
    /// Of which kinds.
    pub layers: Vec<Layer>,
}

/// From an operator's session that ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LeaveBoard {
    /// The session's number.
    pub session: u64,
}

#[derive(Default)]
struct News {
    is_snapshot: bool,
    drivers: BTreeMap<DriverId, LiveOut>,
    orders: BTreeMap<OrderId, OrderOut>,
    cells: BTreeMap<CellId, CellOut>,
    gone_drivers: HashSet<DriverId>,
    gone_orders: HashSet<OrderId>,
    gone_cells: HashSet<CellId>,
}

/// The newest of everything that a session has not been sent yet.
#[derive(Default)]
pub struct Tray {
    news: Mutex<News>,
}

impl Tray {
    /// Takes all of it as one frame; `None` when there is nothing.
    #[must_use]
    pub fn take(&self) -> Option<Scene> {
        let news = std::mem::take(&mut *self.news.lock());
        if news.is_empty() {
            return None;
        }
        let texts = |ids: Vec<String>| {
            let mut ids = ids;
            ids.sort_unstable();
            ids
        };
        let removed = Removed {
            drivers: texts(news.gone_drivers.iter().map(ToString::to_string).collect()),
            orders: texts(news.gone_orders.iter().map(ToString::to_string).collect()),
            cells: texts(news.gone_cells.iter().map(ToString::to_string).collect()),
        };
        Some(Scene {
            kind: if news.is_snapshot { "snapshot" } else { "delta" },
            drivers: news.drivers.into_values().collect(),
            orders: news.orders.into_values().collect(),
            cells: news.cells.into_values().collect(),
            removed: Some(removed).filter(|removed| !removed.is_empty()),
        })
    }
}

impl News {
    fn is_empty(&self) -> bool {
        let nothing_new = self.drivers.is_empty() && self.orders.is_empty() && self.cells.is_empty();
        let nothing_gone = self.gone_drivers.is_empty() && self.gone_orders.is_empty() && self.gone_cells.is_empty();
        !self.is_snapshot && nothing_new && nothing_gone
    }
}

struct Viewer {
    outbox: Arc<Outbox>,
    tray: Arc<Tray>,
    area: BoundingBox,
    layers: Vec<Layer>,
    drivers: HashSet<DriverId>,
    orders: HashSet<OrderId>,
    cells: HashSet<CellId>,
}

impl Viewer {
    fn show_driver(&mut self, driver_id: &DriverId, live: &LiveOut, inside: bool) {
        if !self.layers.contains(&Layer::Drivers) {
            return;
        }
        if !inside {
            self.drop_driver(driver_id);
            return;
        }
        let mut news = self.tray.news.lock();
        news.gone_drivers.remove(driver_id);
        news.drivers.insert(driver_id.clone(), live.clone());
        drop(news);
        self.drivers.insert(driver_id.clone());
    }

    fn drop_driver(&mut self, driver_id: &DriverId) {
        if self.drivers.remove(driver_id) {
            let mut news = self.tray.news.lock();
            news.drivers.remove(driver_id);
            news.gone_drivers.insert(driver_id.clone());
        }
    }

    fn show_order(&mut self, order: &Order) {
        if !self.layers.contains(&Layer::Orders) {
            return;
        }
        let touches = self.area.contains(order.pickup.position) || self.area.contains(order.dropoff.position);
        let mut news = self.tray.news.lock();
        if order.status.is_terminal() || !touches {
            if self.orders.remove(&order.order_id) {
                news.orders.remove(&order.order_id);
                news.gone_orders.insert(order.order_id.clone());
            }
        } else {
            news.orders.insert(order.order_id.clone(), order.into());
            self.orders.insert(order.order_id.clone());
        }
    }

    fn show_cell(&mut self, cell: CellId, supply: usize, demand: usize) {
        let inside = cell.centre().is_some_and(|centre| self.area.contains(centre));
        if !self.layers.contains(&Layer::Cells) || !inside {
            return;
        }
        let mut news = self.tray.news.lock();
        if supply == 0 && demand == 0 {
            if self.cells.remove(&cell) {
                news.cells.remove(&cell);
                news.gone_cells.insert(cell);
            }
            return;
        }
        let is_new = self.cells.insert(cell);
        let boundary = (is_new || news.cells.get(&cell).is_some_and(|waiting| waiting.boundary.is_some()))
            .then(|| ring(&cell.boundary()));
        news.gone_cells.remove(&cell);
        let shown = CellOut { cell: cell.to_string(), boundary, open_orders: demand, free_drivers: supply };
        news.cells.insert(cell, shown);
    }
}

/// See the module.
pub struct Board {
    world: Arc<World>,
    viewers: HashMap<u64, Viewer>,
    orders: HashMap<OrderId, Arc<Order>>,
    cells: HashMap<CellId, (usize, usize)>,
}

impl Board {
    /// A board nobody looks at.
    pub fn new(world: Arc<World>, ctx: &mut Context<Self>) -> Self {
        ctx.set_mailbox_capacity(MAILBOX_MAX * 4);
        Self { world, viewers: HashMap::new(), orders: HashMap::new(), cells: HashMap::new() }
    }

    fn describe(&self, driver_id: &DriverId) -> Option<(LiveOut, crate::domain::geo::Position)> {
        let live = self.world.live.get(driver_id)?;
        let stale_ms = self.world.tuning.stale_ms;
        let out = LiveOut::new(driver_id, &live.fix, live.cell, live.status, clock::now(), stale_ms);
        Some((out, live.fix.position))
    }

    /// Supply and demand of every cell, counted afresh: cells do not report while nobody looks.
    fn count_cells(&mut self) {
        self.cells.clear();
        let cells = &mut self.cells;
        self.world.live.for_each(|_, live| {
            if live.status == DriverStatus::Available {
                cells.entry(live.cell).or_default().0 += 1;
            }
        });
        for order in self.orders.values().filter(|order| order.status == Status::Searching) {
            cells.entry(self.world.cell_at(order.pickup.position)).or_default().1 += 1;
        }
    }

    fn snapshot(&self, viewer: &mut Viewer) {
        viewer.tray.news.lock().is_snapshot = true;
        let (now, stale_ms) = (clock::now(), self.world.tuning.stale_ms);
        self.world.live.for_each(|driver_id, live| {
            if viewer.area.contains(live.fix.position) {
                let out = LiveOut::new(driver_id, &live.fix, live.cell, live.status, now, stale_ms);
                viewer.show_driver(driver_id, &out, true);
            }
        });
        self.orders.values().for_each(|order| viewer.show_order(order));
        for (cell, (supply, demand)) in &self.cells {
            viewer.show_cell(*cell, *supply, *demand);
        }
    }
}

impl Actor for Board {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let world = self.world.clone();
        let work = async move { world.store.orders.orders_open().await };
        // `wait`: whoever looks before the open orders are there would miss them.
        ctx.wait(wrap_future::<_, Self>(work).map(|open, board, _| match open {
            Ok(open) => board.orders.extend(open.into_iter().map(|order| (order.order_id.clone(), Arc::new(order)))),
            Err(error) => tracing::warn!(%error, "the board begins without the open orders"),
        }));
        ctx.run_interval(Duration::from_millis(OPERATOR_DELTA_MS), |board, _| {
            board.viewers.retain(|_, viewer| viewer.tray.news.lock().is_empty() || viewer.outbox.poke());
            board.world.set_viewers(board.viewers.len());
        });
    }

    fn stopped(&mut self, _ctx: &mut Context<Self>) {
        // The sessions come back to the next board.
        for viewer in self.viewers.values() {
            viewer.outbox.close(CloseCode::Restarting, "retry_ms=300");
        }
        self.world.set_viewers(0);
    }
}

impl Handler<CellReport> for Board {
    type Result = ();

    fn handle(&mut self, report: CellReport, _ctx: &mut Context<Self>) {
        if report.free_drivers == 0 && report.open_orders == 0 {
            self.cells.remove(&report.cell);
        } else {
            self.cells.insert(report.cell, (report.free_drivers, report.open_orders));
        }
        for driver_id in &report.changed {
            let Some((out, position)) = self.describe(driver_id) else { continue };
            for viewer in self.viewers.values_mut() {
                let inside = viewer.area.contains(position);
                viewer.show_driver(driver_id, &out, inside);
            }
        }
        for viewer in self.viewers.values_mut() {
            report.left.iter().for_each(|driver_id| viewer.drop_driver(driver_id));
            viewer.show_cell(report.cell, report.free_drivers, report.open_orders);
        }
    }
}

impl Handler<OrderSeen> for Board {
    type Result = ();

    fn handle(&mut self, seen: OrderSeen, _ctx: &mut Context<Self>) {
        let order = seen.order;
        let is_old = self.orders.get(&order.order_id).is_some_and(|known| known.version > order.version);
        if is_old {
            return;
        }
        for viewer in self.viewers.values_mut() {
            viewer.show_order(&order);
        }
        if order.status.is_terminal() {
            self.orders.remove(&order.order_id);
        } else {
            self.orders.insert(order.order_id.clone(), order);
        }
    }
}

impl Handler<Alert> for Board {
    type Result = ();

    fn handle(&mut self, alert: Alert, _ctx: &mut Context<Self>) {
        let Alert { code, order_id, driver_id, detail } = alert;
        let text = encode(&AlertOut { code, order_id, driver_id, detail });
        for viewer in self.viewers.values() {
            viewer.outbox.event(Event { text: text.clone(), tag: None });
        }
    }
}

impl Handler<ViewArea> for Board {
    type Result = ();

    fn handle(&mut self, view: ViewArea, _ctx: &mut Context<Self>) {
        // Cells report from now on: what changes after the snapshot is taken must not fall between the two.
        self.world.set_viewers(self.viewers.len() + 1);
        if self.viewers.is_empty() {
            self.count_cells();
        }
        *view.tray.news.lock() = News::default();
        let mut viewer = Viewer {
            outbox: view.outbox,
            tray: view.tray,
            area: view.area,
            layers: view.layers,
            drivers: HashSet::new(),
            orders: HashSet::new(),
            cells: HashSet::new(),
        };
        self.snapshot(&mut viewer);
        if viewer.outbox.poke() {
            self.viewers.insert(view.session, viewer);
        }
        self.world.set_viewers(self.viewers.len());
    }
}

impl Handler<LeaveBoard> for Board {
    type Result = ();

    fn handle(&mut self, leave: LeaveBoard, _ctx: &mut Context<Self>) {
        self.viewers.remove(&leave.session);
        self.world.set_viewers(self.viewers.len());
    }
}
