//! Times counted in steps of equal length: percentiles exact to a step, in memory that never grows.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// See the module.
#[derive(Debug)]
pub(crate) struct Histogram {
    counts: Vec<AtomicU32>,
    step_ms: u64,
    total_ms: AtomicU64,
}

impl Histogram {
    /// Steps of `step_ms` milliseconds; whatever is above the last of `steps` counts as that one.
    pub(crate) fn new(step_ms: u64, steps: usize) -> Self {
        Self {
            counts: (0..=steps).map(|_| AtomicU32::new(0)).collect(),
            step_ms: step_ms.max(1),
            total_ms: AtomicU64::new(0),
        }
    }

    /// Counts a time; one below zero, between two clocks, is none at all.
    pub(crate) fn note(&self, ms: i64) {
        let ms = u64::try_from(ms).unwrap_or(0);
        let at = usize::try_from(ms / self.step_ms).unwrap_or(usize::MAX).min(self.counts.len() - 1);
        self.counts[at].fetch_add(1, Ordering::Relaxed);
        self.total_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// How many were counted.
    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().map(|count| u64::from(count.load(Ordering::Relaxed))).sum()
    }

    /// Their mean in milliseconds; `None` before the first.
    #[allow(clippy::cast_precision_loss)]
    pub(crate) fn mean_ms(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.total_ms.load(Ordering::Relaxed) as f64 / count as f64)
    }

    /// The time below which this share (0 to 1) of all stayed, in milliseconds; `None` before the first.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    pub(crate) fn percentile_ms(&self, share: f64) -> Option<u64> {
        let counts: Vec<u64> = self.counts.iter().map(|count| u64::from(count.load(Ordering::Relaxed))).collect();
        let total: u64 = counts.iter().sum();
        let wanted = (total as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        found.filter(|_| total > 0).and_then(|step| u64::try_from(step).ok()).map(|step| step * self.step_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_exact_to_the_step() {
        let times = Histogram::new(1, 60_000);
        assert_eq!((times.percentile_ms(0.5), times.mean_ms()), (None, None));
        (1..=100).for_each(|ms| times.note(ms));
        assert_eq!((times.percentile_ms(0.5), times.percentile_ms(0.99)), (Some(50), Some(99)));
        assert_eq!((times.count(), times.mean_ms()), (100, Some(50.5)));
        times.note(10_000_000);
        assert_eq!(times.percentile_ms(1.0), Some(60_000));
        let coarse = Histogram::new(100, 10);
        [-5, 250, 299].into_iter().for_each(|ms| coarse.note(ms));
        assert_eq!((coarse.percentile_ms(0.1), coarse.percentile_ms(0.9)), (Some(0), Some(200)));
    }
}
