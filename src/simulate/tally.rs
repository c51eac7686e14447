//! What happened so far, counted by every task of the city at once.

use super::histogram::Histogram;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Violations told in words; all of them are counted.
const TOLD_MAX: usize = 20;
/// Distinct refusal codes remembered.
const CODES_MAX: usize = 64;

/// Things counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    OrdersPlaced,
    OrdersResumed,
    OrdersRefused,
    OrdersSkipped,
    OrdersDelivered,
    OrdersCancelled,
    OrdersFailed,
    OffersAccepted,
    OffersDeclined,
    FixesTaken,
    FixesSent,
    FixesAcked,
    FixesConflated,
    FixesRejected,
    FixesDropped,
    Pushes,
    OrderEvents,
    StaleNotices,
    DoubleAssignments,
    /// Milliseconds that drivers were there, and of these with an order.
    DriverMs,
    BusyMs,
    /// Metres driven with an order.
    MetresBusy,
    Reconnects,
}

const COUNTS: usize = Count::Reconnects as usize + 1;

/// Things that go up and down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gauge {
    DriversOnline,
    DriversBusy,
    Watching,
}

/// Times told as percentiles or means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// An order from the click to the answer.
    Placing,
    /// A position from the driver's device to the customer.
    PushAge,
    /// From when matching should act to a driver who has accepted.
    DueToAssigned,
    /// From the driver's yes to the door.
    AssignedToDelivered,
    /// From the click to a driver who has accepted, and to the door.
    ClickToAssigned,
    ClickToDoor,
    /// Goods that are ready and wait for the driver.
    ReadyToPickup,
}

/// Milliseconds of a step, and steps, of each.
const SPANS: [(u64, usize); 7] =
    [(1, 90_000), (1, 60_000), (1, 120_000), (100, 36_000), (100, 36_000), (100, 72_000), (100, 36_000)];

/// See the module.
pub(crate) struct Tally {
    counts: [AtomicU64; COUNTS],
    gauges: [AtomicI64; 3],
    spans: [Histogram; SPANS.len()],
    violations: AtomicU64,
    told: Mutex<Vec<String>>,
    refusals: Mutex<BTreeMap<String, u64>>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            counts: Default::default(),
            gauges: Default::default(),
            spans: SPANS.map(|(step_ms, steps)| Histogram::new(step_ms, steps)),
            violations: AtomicU64::new(0),
            told: Mutex::default(),
            refusals: Mutex::default(),
        }
    }

    pub(crate) fn add(&self, what: Count, by: u64) {
        self.counts[what as usize].fetch_add(by, Ordering::Relaxed);
    }

    pub(crate) fn one(&self, what: Count) {
        self.add(what, 1);
    }

    pub(crate) fn get(&self, what: Count) -> u64 {
        self.counts[what as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn shift(&self, what: Gauge, by: i64) {
        self.gauges[what as usize].fetch_add(by, Ordering::Relaxed);
    }

    pub(crate) fn level(&self, what: Gauge) -> i64 {
        self.gauges[what as usize].load(Ordering::Relaxed)
    }

    /// Something took this long.
    pub(crate) fn took(&self, what: Span, ms: i64) {
        self.span(what).note(ms);
    }

    pub(crate) fn span(&self, what: Span) -> &Histogram {
        &self.spans[what as usize]
    }

    /// The server broke its contract.
    pub(crate) fn violation(&self, what: String) {
        self.violations.fetch_add(1, Ordering::Relaxed);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < TOLD_MAX {
            told.push(what);
        }
    }

    pub(crate) fn violations(&self) -> u64 {
        self.violations.load(Ordering::Relaxed)
    }

    /// The first violations in words.
    pub(crate) fn told(&self) -> Vec<String> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The server said no, which it may; by its code.
    pub(crate) fn refused(&self, code: &str) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = refusals.get_mut(code) {
            *count += 1;
        } else if refusals.len() < CODES_MAX {
            refusals.insert(code.to_owned(), 1);
        }
    }

    pub(crate) fn refusals(&self) -> BTreeMap<String, u64> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Keeps a gauge one higher for as long as it lives, however its task ends.
pub(crate) struct Held<'a> {
    tally: &'a Tally,
    what: Gauge,
}

impl<'a> Held<'a> {
    pub(crate) fn new(tally: &'a Tally, what: Gauge) -> Self {
        tally.shift(what, 1);
        Self { tally, what }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.tally.shift(self.what, -1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_violation_is_counted_and_the_first_are_told() {
        let tally = Tally::new();
        (0..50).for_each(|n| tally.violation(format!("no {n}")));
        assert_eq!((tally.violations(), tally.told().len()), (50, TOLD_MAX));
    }
}
