//! The server's own histograms, from two scrapes of `/metrics` (Prometheus text format 0.0.4 or OpenMetrics).
//!
//! Pure. Series of one name with different labels are added up. A quantile is interpolated inside its bucket as
//! Prometheus' `histogram_quantile` does, so it is no finer than the buckets.

use std::collections::BTreeMap;

use crate::tally::Quantiles;

/// Counts of a histogram by upper bound in seconds; cumulative, as scraped.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Buckets(Vec<(f64, f64)>);

impl Buckets {
    /// The histogram `name` (without `_bucket`) in a scrape; empty when it is not there.
    pub fn read(scrape: &str, name: &str) -> Self {
        let mut sums: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
        for line in scrape.lines() {
            let Some(rest) = line.strip_prefix(name).and_then(|rest| rest.strip_prefix("_bucket{")) else { continue };
            let Some((labels, rest)) = rest.split_once('}') else { continue };
            let bound = labels.split("le=\"").nth(1).and_then(|rest| rest.split('"').next()).and_then(bound);
            let count = rest.split_whitespace().next().and_then(|count| count.parse::<f64>().ok());
            let Some((bound, count)) = bound.zip(count) else { continue };
            // Bounds are not negative, so their bits sort as they do.
            sums.entry(bound.to_bits()).or_insert((bound, 0.0)).1 += count;
        }
        Self(sums.into_values().collect())
    }

    /// What was added since an earlier scrape.
    pub fn since(&self, before: &Self) -> Self {
        let earlier = |bound: f64| before.0.iter().find(|bucket| bucket.0 == bound).map_or(0.0, |bucket| bucket.1);
        Self(self.0.iter().map(|(bound, count)| (*bound, count - earlier(*bound))).collect())
    }

    /// The distribution in milliseconds; `max` is the upper bound of the last bucket in use.
    pub fn quantiles(&self) -> Option<Quantiles> {
        let total = self.0.last().map(|bucket| bucket.1).filter(|total| *total > 0.0)?;
        let finite = self.0.iter().filter(|bucket| bucket.0.is_finite());
        let max = finite.clone().find(|bucket| bucket.1 >= total).or(finite.clone().next_back())?.0;
        Some(Quantiles {
            count: total as u64,
            p50: self.quantile(0.5 * total)? * 1_000.0,
            p90: self.quantile(0.9 * total)? * 1_000.0,
            p99: self.quantile(0.99 * total)? * 1_000.0,
            p999: self.quantile(0.999 * total)? * 1_000.0,
            max: max * 1_000.0,
        })
    }

    fn quantile(&self, rank: f64) -> Option<f64> {
        let (mut low, mut below) = (0.0, 0.0);
        for (bound, count) in &self.0 {
            if *count >= rank {
                // Nothing is known above the last finite bound.
                let inside = if *count > below { (rank - below) / (count - below) } else { 1.0 };
                return Some(if bound.is_finite() { low + (bound - low) * inside } else { low });
            }
            (low, below) = (*bound, *count);
        }
        None
    }
}

fn bound(text: &str) -> Option<f64> {
    if text == "+Inf" { Some(f64::INFINITY) } else { text.parse().ok() }
}

/// The sum of every counter whose name has `word` in it; `None` when there is none.
pub fn counters_with(scrape: &str, word: &str) -> Option<f64> {
    let lines = scrape.lines().filter(|line| !line.starts_with('#'));
    let values = lines.filter_map(|line| {
        let name = line.split(['{', ' ']).next()?;
        let value = line.split('}').next_back()?.split_whitespace();
        // Without labels the name is the first word and the value the second.
        let value = if line.contains('}') { value.into_iter().next() } else { line.split_whitespace().nth(1) };
        (name.contains(word) && name.ends_with("_total")).then(|| value?.parse::<f64>().ok())?
    });
    values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

/// Every series of counter or gauge `name` by the value of `label`.
pub fn by_label(scrape: &str, name: &str, label: &str) -> BTreeMap<String, f64> {
    let series = scrape.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('{')?.split_once('}'));
    let marker = format!("{label}=\"");
    let labelled = series.filter_map(|(labels, rest)| {
        let value = labels.split_once(&marker)?.1.split('"').next()?;
        Some((value.to_owned(), rest.split_whitespace().next()?.parse().ok()?))
    });
    labelled.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const BEFORE: &str = "# TYPE beeline_fix_push_seconds histogram
beeline_fix_push_seconds_bucket{le=\"0.001\"} 10
beeline_fix_push_seconds_bucket{le=\"0.01\"} 10
beeline_fix_push_seconds_bucket{le=\"+Inf\"} 10
beeline_fixes_conflated_total 5
";
    const AFTER: &str = "beeline_fix_push_seconds_sum 3
beeline_fix_push_seconds_bucket{le=\"0.001\",worker=\"0\"} 60
beeline_fix_push_seconds_bucket{le=\"0.001\",worker=\"1\"} 40
beeline_fix_push_seconds_bucket{le=\"0.01\",worker=\"0\"} 70
beeline_fix_push_seconds_bucket{le=\"0.01\",worker=\"1\"} 40
beeline_fix_push_seconds_bucket{le=\"+Inf\",worker=\"0\"} 70
beeline_fix_push_seconds_bucket{le=\"+Inf\",worker=\"1\"} 40
beeline_fixes_conflated_total{by=\"rate\"} 7
beeline_fixes_conflated_total{by=\"outbox\"} 4
";

    #[test]
    fn quantiles_come_from_what_was_added_between_two_scrapes() {
        let name = "beeline_fix_push_seconds";
        let diff = Buckets::read(AFTER, name).since(&Buckets::read(BEFORE, name));
        assert_eq!(diff, Buckets(vec![(0.001, 90.0), (0.01, 100.0), (f64::INFINITY, 100.0)]));
        let quantiles = diff.quantiles().unwrap();
        assert_eq!(quantiles.count, 100);
        assert!((quantiles.p50 - 50.0 / 90.0).abs() < 1e-9);
        assert!((quantiles.p99 - 9.1).abs() < 1e-9, "{}", quantiles.p99);
        assert_eq!(quantiles.max, 10.0);
    }

    #[test]
    fn a_histogram_that_is_not_there_has_no_quantiles() {
        assert_eq!(Buckets::read(AFTER, "beeline_other_seconds").quantiles(), None);
    }

    #[test]
    fn counters_are_summed_over_their_labels() {
        assert_eq!(counters_with(BEFORE, "conflated"), Some(5.0));
        assert_eq!(counters_with(AFTER, "conflated"), Some(11.0));
        assert_eq!(counters_with(AFTER, "evicted"), None);
    }

    #[test]
    fn series_are_told_apart_by_a_label() {
        let got = by_label(AFTER, "beeline_fixes_conflated_total", "by");
        assert_eq!(got.into_iter().collect::<Vec<_>>(), [("outbox".to_owned(), 4.0), ("rate".to_owned(), 7.0)]);
        assert!(by_label(AFTER, "beeline_fixes", "by").is_empty());
    }
}
