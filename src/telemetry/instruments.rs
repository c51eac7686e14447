//! The two instruments that prometheus-client has not: a histogram without a lock, and labels reached by index.
//!
//! Both are recorded up to 100,000 times a second from every worker: recording is one or two relaxed atomic adds.

use prometheus_client::encoding::EncodeMetric;
use prometheus_client::encoding::MetricEncoder;
use prometheus_client::encoding::NoLabelSet;
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::TypedMetric;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// A histogram of durations. A reader may see a sum that is one observation ahead of the counts; nothing else is torn.
#[derive(Debug, Clone)]
pub struct Histogram(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bounds_us: &'static [u64],
    /// One more than bounds: the last is everything above.
    counts: Box<[AtomicU64]>,
    sum_ns: AtomicU64,
}

impl Histogram {
    /// Buckets with these upper bounds, in microseconds and ascending.
    #[must_use]
    pub fn new(bounds_us: &'static [u64]) -> Self {
        let counts = (0..=bounds_us.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Inner { bounds_us, counts, sum_ns: AtomicU64::new(0) }))
    }

    /// Records one duration; a bound belongs to the bucket below it.
    pub fn observe(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let index = self.0.bounds_us.partition_point(|bound_us| bound_us.saturating_mul(1_000) < nanos);
        if let Some(count) = self.0.counts.get(index) {
            count.fetch_add(1, Relaxed);
        }
        self.0.sum_ns.fetch_add(nanos, Relaxed);
    }

    /// How many durations were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.counts.iter().map(|count| count.load(Relaxed)).sum()
    }
}

impl TypedMetric for Histogram {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder) -> fmt::Result {
        // Counts and sums stay far below 2^53, where f64 begins to round.
        #[allow(clippy::cast_precision_loss)]
        let seconds = |whole: u64, unit: f64| whole as f64 / unit;
        let bounds = self.0.bounds_us.iter().map(|us| seconds(*us, 1e6)).chain([f64::INFINITY]);
        let buckets: Vec<_> = bounds.zip(self.0.counts.iter().map(|count| count.load(Relaxed))).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = seconds(self.0.sum_ns.load(Relaxed), 1e9);
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

/// One metric for each value of a label whose values are known when the program is built.
#[derive(Debug, Clone)]
pub struct ByLabel<M> {
    label: &'static str,
    metrics: Arc<[(&'static str, M)]>,
}

impl<M: Default> ByLabel<M> {
    /// A metric for each value, to be reached by the value's place in the list.
    pub fn new(label: &'static str, values: impl IntoIterator<Item = &'static str>) -> Self {
        Self { label, metrics: values.into_iter().map(|value| (value, M::default())).collect() }
    }
}

impl<M> ByLabel<M> {
    /// The metric of the value at this place: the discriminant of the enum that the values came from.
    ///
    /// None only if the enum and its list of values disagree, which their own test excludes.
    pub(super) fn at(&self, index: usize) -> Option<&M> {
        self.metrics.get(index).map(|(_, metric)| metric)
    }
}

impl<M: EncodeMetric + TypedMetric + fmt::Debug> EncodeMetric for ByLabel<M> {
    fn encode(&self, mut encoder: MetricEncoder) -> fmt::Result {
        for (value, metric) in self.metrics.iter() {
            metric.encode(encoder.encode_family(&[(self.label, *value)])?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        M::TYPE
    }
}
