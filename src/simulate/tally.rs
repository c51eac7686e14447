//! What happened so far, counted by every task of the city at once.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Violations told in words; all of them are counted.
const TOLD_MAX: usize = 20;
/// Distinct refusal codes remembered.
const CODES_MAX: usize = 64;
/// Push ages above this many milliseconds count as this many.
const AGE_MAX_MS: usize = 60_000;

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

/// Times of which the mean is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    Assign,
    ClickToDoor,
}

/// See the module.
pub(crate) struct Tally {
    counts: [AtomicU64; COUNTS],
    gauges: [AtomicI64; 3],
    spans: [SpanSum; 2],
    ages_ms: Vec<AtomicU32>,
    violations: AtomicU64,
    told: Mutex<Vec<String>>,
    refusals: Mutex<BTreeMap<String, u64>>,
}

#[derive(Default)]
struct SpanSum {
    total_ms: AtomicU64,
    count: AtomicU64,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            counts: Default::default(),
            gauges: Default::default(),
            spans: Default::default(),
            ages_ms: (0..=AGE_MAX_MS).map(|_| AtomicU32::new(0)).collect(),
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

    pub(crate) fn took(&self, what: Span, time: Duration) {
        let sum = &self.spans[what as usize];
        sum.total_ms.fetch_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        sum.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Mean seconds, `None` before the first.
    #[allow(clippy::cast_precision_loss)]
    pub(crate) fn mean_s(&self, what: Span) -> Option<f64> {
        let sum = &self.spans[what as usize];
        let count = sum.count.load(Ordering::Relaxed);
        (count > 0).then(|| sum.total_ms.load(Ordering::Relaxed) as f64 / 1_000.0 / count as f64)
    }

    /// A position arrived this long after its device took it.
    pub(crate) fn push_age(&self, age_ms: i64) {
        let at = usize::try_from(age_ms).unwrap_or(0).min(AGE_MAX_MS);
        self.ages_ms[at].fetch_add(1, Ordering::Relaxed);
    }

    /// The age below which this share (0 to 1) of all pushes stayed, in milliseconds; `None` before the first.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    pub(crate) fn push_age_ms(&self, share: f64) -> Option<u64> {
        let counts: Vec<u64> = self.ages_ms.iter().map(|count| u64::from(count.load(Ordering::Relaxed))).collect();
        let total: u64 = counts.iter().sum();
        let wanted = (total as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        found.filter(|_| total > 0).and_then(|ms| u64::try_from(ms).ok())
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
    fn percentiles_are_exact_to_the_millisecond() {
        let tally = Tally::new();
        assert_eq!(tally.push_age_ms(0.5), None);
        (1..=100).for_each(|age| tally.push_age(age));
        assert_eq!((tally.push_age_ms(0.5), tally.push_age_ms(0.99)), (Some(50), Some(99)));
        tally.push_age(10_000_000);
        assert_eq!(tally.push_age_ms(1.0), Some(60_000));
    }

    #[test]
    fn every_violation_is_counted_and_the_first_are_told() {
        let tally = Tally::new();
        (0..50).for_each(|n| tally.violation(format!("no {n}")));
        assert_eq!((tally.violations(), tally.told().len()), (50, TOLD_MAX));
    }
}
