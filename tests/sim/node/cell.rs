//! A cell: the crate's own book and matching over what the node knows, and the offers that come of it.

use crate::history::Fact;
use crate::sim::Here;
use crate::switches::Switch;
use crate::trace::Subject;
use beeline::domain::dispatch::Book;
use beeline::domain::dispatch::Offer;
use beeline::domain::dispatch::Rules;
use beeline::domain::dispatch::Want;
use beeline::domain::driver::DriverStatus;
use beeline::domain::eta::Town;
use beeline::domain::geo::Position;
use beeline::domain::ids::DriverId;
use beeline::domain::ids::OfferId;
use beeline::domain::ids::OrderId;
use beeline::domain::matching;
use beeline::domain::matching::Candidate;
use beeline::domain::matching::OpenOrder;
use beeline::domain::matching::Pairing;
use beeline::domain::matching::Plan;
use beeline::domain::matching::Record;
use beeline::domain::matching::Tuning;
use beeline::domain::matching::View;
use beeline::domain::order::Order;
use beeline::domain::time::Millis;
use std::collections::BTreeSet;
use std::collections::HashSet;
use std::sync::Arc;

/// Cells of the town.
pub const CELLS: usize = 2;
/// Longitude of the border between them.
pub const BORDER: f64 = 11.25;
/// A driver has so long to answer, in milliseconds.
pub const OFFER_MS: i64 = 15_000;
const RULES: Rules = Rules { radius_m: 5_000.0, tries_max: 6 };
/// Orders one driver may be offered together.
const CAPACITY: usize = 2;
/// A driver silent for so long is not asked, in milliseconds.
const STALE_MS: i64 = 30_000;

/// A cell of this node, from the first order it hears of until the node dies or the cell is another's.
pub struct CellState {
    /// One for each lifetime.
    pub number: u64,
    book: Book,
}

/// The cell a pickup lies in.
pub fn area_of(pickup: Position) -> usize {
    usize::from(pickup.longitude() >= BORDER)
}

impl Here {
    /// Whether this node believes that the cell is its own.
    pub fn owns(&self, area: usize) -> bool {
        area % 2 == self.node || self.me().borrow().is_alone || self.faults().cells_shared
    }

    fn with_cell<T>(&self, area: usize, work: impl FnOnce(&mut CellState) -> T) -> T {
        let mut me = self.me().borrow_mut();
        work(me.cells.entry(area).or_insert_with(|| CellState { number: self.number(), book: Book::new(RULES) }))
    }

    /// From an order: it looks for a driver.
    pub fn open_order(&self, order: Arc<Order>, mut refused_by: HashSet<DriverId>) {
        let area = area_of(order.pickup.position);
        if !self.owns(area) {
            return;
        }
        let order_id = order.order_id.clone();
        let known: BTreeSet<DriverId> = refused_by.iter().cloned().collect();
        if self.is_broken(Switch::DeafCells) {
            refused_by.clear();
        }
        let cell = self.with_cell(area, |cell| {
            cell.book.note(order, refused_by);
            cell.number
        });
        self.record(Fact::Heard { cell, order_id, refused_by: known });
    }

    /// From an order: it looks for a driver no more.
    pub fn close_order(&self, order: &Order) {
        let area = area_of(order.pickup.position);
        let closed =
            self.me().borrow_mut().cells.get_mut(&area).map(|cell| (cell.number, cell.book.close(&order.order_id)));
        let Some((cell, asked)) = closed else { return };
        self.record(Fact::Closed { cell, order_id: order.order_id.clone() });
        if let Some(driver_id) = asked {
            self.reload(&driver_id);
        }
    }

    /// From an order: its offer came to nothing.
    pub fn end_offer_in_cell(
        &self,
        order: &Order,
        (offer_id, driver_id): (&OfferId, &DriverId),
        outcome: beeline::domain::dispatch::OfferOutcome,
    ) {
        let area = area_of(order.pickup.position);
        if !self.owns(area) {
            return;
        }
        let is_heard = outcome.is_refusal() && !self.is_broken(Switch::DeafCells);
        let cell = self.with_cell(area, |cell| {
            let is_known = cell.book.order(&order.order_id).is_some();
            cell.book.end_offer(&order.order_id, offer_id, driver_id, is_heard);
            is_known.then_some(cell.number)
        });
        if let Some(cell) = cell.filter(|_| outcome.is_refusal()) {
            let refused_by = BTreeSet::from([driver_id.clone()]);
            self.record(Fact::Heard { cell, order_id: order.order_id.clone(), refused_by });
        }
    }

    /// One decision of every cell that this node believes to be its own; the others are forgotten.
    pub fn tick(&self) {
        for area in 0..CELLS {
            if self.owns(area) {
                self.tick_cell(area);
            } else {
                self.me().borrow_mut().cells.remove(&area);
            }
        }
    }

    fn tick_cell(&self, area: usize) {
        let now = self.now();
        let wants = self.with_cell(area, |cell| cell.book.begin_tick(now));
        if wants.is_empty() {
            return;
        }
        let plan = self.decide(wants, now);
        let given_up = self.with_cell(area, |cell| cell.book.end_tick(&plan.waits, now, || self.rng.unit()));
        for given_up in given_up {
            self.note("given up", Subject::Order(given_up.order_id.clone()), i64::from(given_up.tries));
            let here = self.clone();
            self.spawn(async move { here.park(&given_up.order_id, given_up.tries).await });
        }
        for pairing in plan.offers {
            self.ask(area, pairing, now);
        }
    }

    fn decide(&self, wants: Vec<Want>, now: Millis) -> Plan {
        let Some(centre) = wants.first().map(|want| want.order.pickup) else { return Plan::default() };
        let radius_m = wants.iter().map(|want| want.radius_m).fold(0.0, f64::max);
        let orders: Vec<OpenOrder<Position>> = wants.into_iter().map(|want| want.order).collect();
        let drivers = self.candidates(now);
        let tuning = Tuning { radius_m, search_steps: 100, answer_s: 1.0, ..Tuning::default() };
        matching::decide(&View { now, orders: &orders, drivers: &drivers }, &Town::around(centre), &tuning)
    }

    /// Drivers who are free, or will be.
    fn candidates(&self, now: Millis) -> Vec<Candidate<Position>> {
        let (me, streets) = (self.me().borrow(), self.streets.borrow());
        let seen = streets.iter().filter(|(_, at)| now.since(at.heard_at) <= STALE_MS);
        let known = seen.filter_map(|(driver_id, at)| me.drivers.get(driver_id).map(|cache| (driver_id, at, cache)));
        let candidates = known.filter_map(|(driver_id, at, cache)| {
            let (position, free_at) = match cache.status() {
                DriverStatus::Available => (at.position, now),
                DriverStatus::Busy => {
                    let (_, carried) = cache.assignment.as_ref()?;
                    let order =
                        carried.iter().filter_map(|order_id| me.orders.get(order_id)?.order.clone()).next_back()?;
                    (order.dropoff.position, order.eta.dropoff_at?.max(now + 1_000))
                }
                _ => return None,
            };
            Some(Candidate {
                driver_id: driver_id.clone(),
                position,
                free_at,
                off_at: None,
                capacity: CAPACITY,
                vehicle: beeline::domain::fleet::VehicleKind::Scooter,
                skills: BTreeSet::new(),
                idle_since: now,
                record: Record::default(),
            })
        });
        candidates.collect()
    }

    fn ask(&self, area: usize, pairing: Pairing, now: Millis) {
        let offer = Offer {
            offer_id: OfferId::from_generated(self.fresh_id()),
            driver_id: pairing.driver_id,
            order_ids: pairing.orders,
            created_at: now,
            expires_at: now + OFFER_MS,
            pickup_eta_s: pairing.pickup_eta_s,
            score: pairing.score,
            outcome: None,
        };
        let (is_asked, cell) = self.with_cell(area, |cell| (cell.book.ask(&offer), cell.number));
        if !is_asked {
            return;
        }
        self.note("asked", Subject::Driver(offer.driver_id.clone()), 0);
        self.record(Fact::Asked { cell, offer: offer.clone() });
        let here = self.clone();
        self.spawn(async move {
            if here.make_offer(offer.clone()).await {
                return;
            }
            for order_id in &offer.order_ids {
                here.with_cell(area, |cell| cell.book.end_offer(order_id, &offer.offer_id, &offer.driver_id, false));
            }
        });
    }

    /// Every order that this node holds open, told again to its cell.
    pub fn announce_all(&self) {
        let order_ids: Vec<OrderId> = self.me().borrow().orders.keys().cloned().collect();
        for order_id in &order_ids {
            self.announce(order_id);
        }
    }
}
