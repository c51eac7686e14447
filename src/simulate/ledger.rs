//! Every order of the run as drivers and customers hear of it: how long each part took by the server's own times, how it ended, and whether
//! anything was ever assigned twice.
//!
//! The same event may come over several sockets and in any order between them; each counts once. Memory is that of the orders under way.

use super::tally::Count;
use super::tally::Span;
use super::tally::Tally;
use super::wire::Order;
use super::wire::OrderEvent;
use super::wire::Status;
use super::wire::millis_of;
use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

/// Ended orders remembered, so that what is said of them twice counts once.
const ENDED_MAX: usize = 8_192;
/// Suspicions waiting to be looked into.
const SUSPICIONS_MAX: usize = 256;

/// Two orders that one driver seems to carry under two assignments. What was heard may be out of step: the server is asked before it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Suspicion {
    pub(crate) driver_id: String,
    pub(crate) earlier_order: String,
    pub(crate) later_order: String,
}

/// See the module.
pub(crate) struct Ledger {
    tally: Arc<Tally>,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    open: HashMap<String, Entry>,
    /// Orders that each driver carries.
    carried: HashMap<String, Vec<String>>,
    ended: HashSet<String>,
    ended_in_turn: VecDeque<String>,
    suspicions: VecDeque<Suspicion>,
}

/// What is known of an order under way.
#[derive(Debug, Default)]
struct Entry {
    /// Placed by this run, or taken over from an earlier one; others pass through uncounted.
    is_ours: bool,
    /// Placed by this run: an earlier one's times are not this one's.
    is_timed: bool,
    /// The newest event heard of, and whether the order had a driver then.
    seq: i64,
    has_driver: bool,
    version: i64,
    created_ms: Option<i64>,
    due_ms: Option<i64>,
    ready_ms: Option<i64>,
    assigned_ms: Option<i64>,
    was_picked_up: bool,
    assignment_id: Option<String>,
    /// Who had it at which version.
    holders: Vec<(i64, String)>,
}

impl Ledger {
    pub(crate) fn new(tally: Arc<Tally>) -> Self {
        Self { tally, books: Mutex::default() }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This run placed an order.
    pub(crate) fn placed(&self, order: &Order) {
        self.enter(order, true);
    }

    /// This run goes on with an order of an earlier one.
    pub(crate) fn resumed(&self, order: &Order) {
        self.enter(order, false);
    }

    fn enter(&self, order: &Order, is_timed: bool) {
        let mut books = self.books();
        let entry = books.open.entry(order.order_id.clone()).or_default();
        (entry.is_ours, entry.is_timed) = (true, is_timed);
        entry.learn(order);
    }

    /// Those of this run's orders that are under way, as far as was heard.
    pub(crate) fn open_orders(&self) -> Vec<String> {
        self.books().open.iter().filter(|(_, entry)| entry.is_ours).map(|(id, _)| id.clone()).collect()
    }

    /// How many of this run's orders are without a driver.
    pub(crate) fn waiting(&self) -> u64 {
        let waiting = self.books().open.values().filter(|entry| entry.is_ours && !entry.has_driver).count();
        u64::try_from(waiting).unwrap_or(u64::MAX)
    }

    /// The next suspicion to be looked into.
    pub(crate) fn suspicion(&self) -> Option<Suspicion> {
        self.books().suspicions.pop_front()
    }

    /// The server confirms a suspicion.
    pub(crate) fn confirmed(&self, suspicion: &Suspicion) {
        let Suspicion { driver_id, earlier_order, later_order } = suspicion;
        self.doubled(format!("driver {driver_id} has two assignments: orders {earlier_order} and {later_order}"));
    }

    fn doubled(&self, what: String) {
        self.tally.one(Count::DoubleAssignments);
        self.tally.violation(what);
    }

    /// An order looked at rather than heard of.
    pub(crate) fn looked_at(&self, order: &Order) {
        let event = OrderEvent {
            order_id: order.order_id.clone(),
            seq: order.version,
            status: order.status,
            at: None,
            driver_id: order.driver_id.clone(),
            order: Some(order.clone()),
        };
        self.heard(&event);
    }

    /// Somebody heard an event.
    pub(crate) fn heard(&self, event: &OrderEvent) {
        let mut books = self.books();
        if books.ended.contains(&event.order_id) {
            return;
        }
        let entry = books.open.entry(event.order_id.clone()).or_default();
        if let Some(order) = &event.order {
            entry.learn(order);
        }
        if event.seq >= entry.seq {
            (entry.seq, entry.has_driver) = (event.seq, event.status.is_active());
        }
        if let Some(what) = entry.held(event) {
            self.doubled(what);
        }
        self.measure(entry, event);
        if event.status.is_final() {
            let is_ours = entry.is_ours;
            books.end(&event.order_id);
            if is_ours {
                self.count_end(event.status);
            }
        } else if let Some(driver_id) = event.driver_id.as_ref().filter(|_| event.status.is_active()) {
            books.carry(driver_id, &event.order_id);
        } else {
            books.put_down(&event.order_id);
        }
    }

    fn measure(&self, entry: &mut Entry, event: &OrderEvent) {
        let Some(at_ms) = event.at.as_deref().and_then(millis_of).filter(|_| entry.is_timed) else { return };
        let since = |then_ms: Option<i64>| then_ms.map(|then_ms| at_ms - then_ms);
        let took = |what, ms: Option<i64>| {
            if let Some(ms) = ms {
                self.tally.took(what, ms);
            }
        };
        match event.status {
            Status::Assigned if entry.assigned_ms.is_none() => {
                took(Span::DueToAssigned, since(entry.due_ms));
                took(Span::ClickToAssigned, since(entry.created_ms));
                entry.assigned_ms = Some(at_ms);
            }
            Status::PickedUp if !entry.was_picked_up => {
                took(Span::ReadyToPickup, since(entry.ready_ms));
                entry.was_picked_up = true;
            }
            Status::Delivered => {
                took(Span::AssignedToDelivered, since(entry.assigned_ms));
                took(Span::ClickToDoor, since(entry.created_ms));
            }
            _ => {}
        }
    }

    fn count_end(&self, status: Status) {
        match status {
            Status::Delivered => self.tally.one(Count::OrdersDelivered),
            Status::Cancelled => self.tally.one(Count::OrdersCancelled),
            _ => self.tally.one(Count::OrdersFailed),
        }
    }
}

impl Books {
    fn carry(&mut self, driver_id: &str, order_id: &str) {
        let carried = self.carried.entry(driver_id.to_owned()).or_default();
        if carried.iter().any(|other| other == order_id) {
            return;
        }
        let assignment = |order_id: &str| self.open.get(order_id).and_then(|entry| entry.assignment_id.as_deref());
        let of_this = assignment(order_id);
        let other =
            carried.iter().find(|other| of_this.is_some() && assignment(other).is_some_and(|id| Some(id) != of_this));
        if let Some(other) = other
            && self.suspicions.len() < SUSPICIONS_MAX
        {
            self.suspicions.push_back(Suspicion {
                driver_id: driver_id.to_owned(),
                earlier_order: other.clone(),
                later_order: order_id.to_owned(),
            });
        }
        carried.push(order_id.to_owned());
    }

    fn put_down(&mut self, order_id: &str) {
        let Some(entry) = self.open.get(order_id) else { return };
        for (_, driver_id) in &entry.holders {
            if let Some(carried) = self.carried.get_mut(driver_id) {
                carried.retain(|other| other != order_id);
            }
        }
    }

    fn end(&mut self, order_id: &str) {
        self.put_down(order_id);
        self.open.remove(order_id);
        self.ended.insert(order_id.to_owned());
        self.ended_in_turn.push_back(order_id.to_owned());
        if self.ended_in_turn.len() > ENDED_MAX
            && let Some(oldest) = self.ended_in_turn.pop_front()
        {
            self.ended.remove(&oldest);
        }
    }
}

impl Entry {
    /// The newest description counts.
    fn learn(&mut self, order: &Order) {
        if order.version < self.version {
            return;
        }
        self.version = order.version;
        let time = |text: &Option<String>| text.as_deref().and_then(millis_of);
        self.created_ms = time(&order.created_at).or(self.created_ms);
        self.due_ms = time(&order.due_at).or(self.due_ms);
        self.ready_ms = order.prep.as_ref().and_then(|prep| time(&prep.ready_at)).or(self.ready_ms);
        self.assignment_id.clone_from(&order.assignment_id);
    }

    /// Notes who has the order. An order never passes from one driver to another without a step in between.
    fn held(&mut self, event: &OrderEvent) -> Option<String> {
        let driver_id = event.driver_id.as_ref().filter(|_| event.status.is_active())?;
        let clash = self.holders.iter().find(|(seq, other)| other != driver_id && seq.abs_diff(event.seq) < 2);
        let what = clash.map(|(_, other)| format!("order {} has two drivers: {other} and {driver_id}", event.order_id));
        if !self.holders.iter().any(|(seq, other)| *seq == event.seq && other == driver_id) {
            self.holders.push((event.seq, driver_id.clone()));
        }
        what
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
