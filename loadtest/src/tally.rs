//! Counts what arrived against what was sent: latencies, and what became of each watched fix.
//!
//! Owns the arithmetic of a run's result. Knows no socket and no clock: instants come in as microseconds since the
//! start. Every watched fix that counts ends as exactly one of delivered, conflated (a newer one of the same driver
//! arrived instead) or lost (nothing of that age or newer ever arrived).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::plan::Plan;

/// How many of a driver's last sends are remembered. A receipt later than that still counts from its intended time.
const REMEMBERED: usize = 32;

/// Longest latency told apart, microseconds.
const LATENCY_MAX_US: u64 = 120_000_000;

/// When each recent fix really went out, written by the sender and read by the receiver.
#[derive(Debug)]
pub struct SendLog {
    at_us: Vec<[AtomicU64; REMEMBERED]>,
    sent: Vec<AtomicU64>,
}

impl SendLog {
    /// A log for `drivers` drivers.
    pub fn new(drivers: usize) -> Self {
        Self {
            at_us: (0..drivers).map(|_| std::array::from_fn(|_| AtomicU64::new(0))).collect(),
            sent: (0..drivers).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Notes that fix `k` of a driver goes out now.
    pub fn note(&self, driver: usize, k: u64, at_us: u64) {
        let Some((ring, sent)) = self.at_us.get(driver).zip(self.sent.get(driver)) else { return };
        if let Some(place) = ring.get(k as usize % REMEMBERED) {
            place.store(at_us, Ordering::Relaxed);
        }
        sent.store(k + 1, Ordering::Release);
    }

    /// How many fixes of a driver have gone out.
    pub fn sent(&self, driver: usize) -> u64 {
        self.sent.get(driver).map_or(0, |sent| sent.load(Ordering::Acquire))
    }

    fn at_us(&self, driver: usize, k: u64) -> Option<u64> {
        let sent = self.sent.get(driver)?.load(Ordering::Acquire);
        // The sender may be writing the oldest place just now, so that one is not read.
        (k < sent && sent - k < REMEMBERED as u64)
            .then(|| self.at_us.get(driver)?.get(k as usize % REMEMBERED))?
            .map(|place| place.load(Ordering::Relaxed))
    }
}

/// A latency distribution in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Quantiles {
    /// How many were measured.
    pub count: u64,
    /// Half were faster.
    pub p50: f64,
    /// 90 % were faster.
    pub p90: f64,
    /// 99 % were faster.
    pub p99: f64,
    /// 99.9 % were faster.
    pub p999: f64,
    /// The slowest.
    pub max: f64,
}

/// Latencies being gathered, microseconds at three significant digits.
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u64>);

impl Latencies {
    /// Nothing gathered yet.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self(Histogram::new_with_bounds(1, LATENCY_MAX_US, 3).map_err(|error| anyhow::anyhow!("{error:?}"))?))
    }

    /// Adds one; longer than the bound counts as the bound.
    pub fn add(&mut self, us: u64) {
        self.0.saturating_record(us.max(1));
    }

    /// Adds another's.
    pub fn merge(&mut self, other: &Self) {
        // Same bounds on both sides, so nothing can be refused.
        let _ = self.0.add(&other.0);
    }

    /// The distribution; `None` when nothing was gathered.
    pub fn quantiles(&self) -> Option<Quantiles> {
        let at = |quantile: f64| self.0.value_at_quantile(quantile) as f64 / 1_000.0;
        (!self.0.is_empty()).then(|| Quantiles {
            count: self.0.len(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: self.0.max() as f64 / 1_000.0,
        })
    }
}

/// What became of the counted fixes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Fates {
    /// Fixes of watched drivers that count.
    pub watched: u64,
    /// Arrived at the customer.
    pub delivered: u64,
    /// A newer one of the same driver arrived instead.
    pub conflated: u64,
    /// Neither it nor a newer one arrived.
    pub lost: u64,
    /// Arrived after a newer one, or twice, or with a stamp nobody sent; counted over the whole run.
    pub out_of_order: u64,
    /// Fixes that count and were never settled by an ack; of all drivers.
    pub unacked: u64,
}

/// A location that reached a customer.
#[derive(Debug, Clone, Copy)]
pub struct Receipt {
    /// When its fix was to be sent, microseconds since the start.
    pub due_us: u64,
    /// How long after that it came, microseconds.
    pub took_us: u64,
}

/// The receiving side of one run.
#[derive(Debug)]
pub struct Tally {
    plan: Arc<Plan>,
    log: Arc<SendLog>,
    /// The driver that each watcher watches.
    watches: Vec<usize>,
    /// Fixes up to this (exclusive) are settled or superseded, per watcher and per driver.
    seen: Vec<u64>,
    acked: Vec<u64>,
    /// Every counted arrival, if they are kept.
    receipts: Option<Vec<Receipt>>,
    fates: Fates,
    /// From the intended send to the customer's receipt.
    pub screen: Latencies,
    /// From the real send to the customer's receipt.
    pub screen_from_send: Latencies,
    /// From the intended send to the ack.
    pub ack: Latencies,
    /// From the real send to the ack.
    pub ack_from_send: Latencies,
}

impl Tally {
    /// A tally for customers of whom number `j` watches driver `watches[j]`.
    pub fn new(plan: Arc<Plan>, log: Arc<SendLog>, watches: Vec<usize>) -> anyhow::Result<Self> {
        let drivers = log.sent.len();
        Ok(Self {
            plan,
            log,
            seen: vec![0; watches.len()],
            watches,
            acked: vec![0; drivers],
            receipts: None,
            fates: Fates::default(),
            screen: Latencies::new()?,
            screen_from_send: Latencies::new()?,
            ack: Latencies::new()?,
            ack_from_send: Latencies::new()?,
        })
    }

    /// The same, keeping every arrival, for a run whose parts are told apart afterwards.
    pub fn keeping_receipts(self) -> Self {
        Self { receipts: Some(Vec::new()), ..self }
    }

    /// Counted arrivals so far, if they are kept.
    pub fn receipts(&self) -> &[Receipt] {
        self.receipts.as_deref().unwrap_or_default()
    }

    /// A location with this stamp reached a customer.
    pub fn location(&mut self, watcher: usize, stamp_ms: i64, now_us: u64) {
        let Some((&driver, seen)) = self.watches.get(watcher).zip(self.seen.get_mut(watcher)) else { return };
        // One from before the run: the subscription's first answer.
        let Some(k) = self.plan.fix_of(driver, stamp_ms) else { return };
        let due_us = self.plan.due_us(driver, k);
        if k < *seen || k >= self.plan.fixes_of(driver) || self.plan.stamp_ms(due_us) != stamp_ms {
            self.fates.out_of_order += 1;
            return;
        }
        let skipped = *seen..k;
        *seen = k + 1;
        let plan = &self.plan;
        self.fates.conflated += skipped.filter(|k| plan.counts(plan.due_us(driver, *k))).count() as u64;
        if plan.counts(due_us) {
            self.fates.delivered += 1;
            let took_us = now_us.saturating_sub(due_us);
            self.screen.add(took_us);
            if let Some(receipts) = &mut self.receipts {
                receipts.push(Receipt { due_us, took_us });
            }
            if let Some(sent_us) = self.log.at_us(driver, k) {
                self.screen_from_send.add(now_us.saturating_sub(sent_us));
            }
        }
    }

    /// Everything a driver sent up to `seq` is settled.
    pub fn ack(&mut self, driver: usize, seq: i64, now_us: u64) {
        let Some(k) = self.plan.fix_of(driver, seq) else { return };
        let Some(acked) = self.acked.get_mut(driver) else { return };
        // An ack of fixes never sent would count for as many as it likes; a server that does it is broken anyway.
        let up_to = (k + 1).min(self.plan.fixes_of(driver));
        let settled = *acked..up_to;
        *acked = up_to.max(*acked);
        for k in settled {
            let due_us = self.plan.due_us(driver, k);
            if self.plan.counts(due_us) {
                self.ack.add(now_us.saturating_sub(due_us));
                if let Some(sent_us) = self.log.at_us(driver, k) {
                    self.ack_from_send.add(now_us.saturating_sub(sent_us));
                }
            }
        }
    }

    /// How many watchers have not got the newest fix that the plan sends them, counted or not.
    pub fn outstanding(&self) -> usize {
        self.watchers().filter(|(driver, seen)| *seen < self.plan.fixes_of(*driver)).count()
    }

    /// How many watchers have not got the newest fix that was sent to them; the plan may have been left.
    pub fn behind(&self) -> usize {
        self.watchers().filter(|(driver, seen)| *seen < self.log.sent(*driver)).count()
    }

    fn watchers(&self) -> impl Iterator<Item = (usize, u64)> {
        self.watches.iter().copied().zip(self.seen.iter().copied())
    }

    /// How many drivers wait for an ack.
    pub fn unsettled(&self) -> usize {
        self.acked.iter().enumerate().filter(|(driver, acked)| **acked < self.plan.fixes_of(*driver)).count()
    }

    /// The fate of every counted fix, once nothing more can arrive.
    pub fn fates(&self) -> Fates {
        let counted = |driver: usize, from: u64| {
            let fixes = from..self.plan.fixes_of(driver);
            fixes.filter(|k| self.plan.counts(self.plan.due_us(driver, *k))).count() as u64
        };
        Fates {
            watched: self.watches.iter().map(|driver| counted(*driver, 0)).sum(),
            lost: self.watchers().map(|(driver, seen)| counted(driver, seen)).sum(),
            unacked: self.acked.iter().enumerate().map(|(driver, acked)| counted(driver, *acked)).sum(),
            ..self.fates
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::plan::Spans;

    /// Two drivers, the first one watched, ten fixes each, all counted but the first.
    fn tally() -> (Arc<Plan>, Arc<SendLog>, Tally) {
        let spans = Spans { period_us: 10_000, warmup_us: 10_000, window_us: 90_000, after_us: 0 };
        let plan = Arc::new(Plan::new(2, spans, 1).unwrap().starting(1_000_000));
        let log = Arc::new(SendLog::new(2));
        let tally = Tally::new(Arc::clone(&plan), Arc::clone(&log), vec![0]).unwrap();
        (plan, log, tally)
    }

    fn receive(tally: &mut Tally, plan: &Plan, k: u64, late_us: u64) {
        let due_us = plan.due_us(0, k);
        tally.location(0, plan.stamp_ms(due_us), due_us + late_us);
    }

    #[test]
    fn all_delivered_leaves_nothing_conflated_or_lost() {
        let (plan, _, mut tally) = tally();
        (0..10).for_each(|k| receive(&mut tally, &plan, k, 500));
        let want = Fates { watched: 9, delivered: 9, unacked: 18, ..Fates::default() };
        assert_eq!(tally.fates(), want);
        assert_eq!(tally.outstanding(), 0);
        assert_eq!(tally.screen.quantiles().unwrap().max, 0.5);
    }

    #[test]
    fn a_skipped_fix_is_conflated_and_a_missing_tail_is_lost() {
        let (plan, _, mut tally) = tally();
        for k in [0, 1, 4, 7] {
            receive(&mut tally, &plan, k, 0);
        }
        let fates = tally.fates();
        assert_eq!((fates.delivered, fates.conflated, fates.lost), (3, 4, 2));
        assert_eq!(fates.watched, fates.delivered + fates.conflated + fates.lost);
        assert_eq!(tally.outstanding(), 1);
    }

    #[test]
    fn an_older_fix_after_a_newer_one_is_out_of_order_and_not_delivered() {
        let (plan, _, mut tally) = tally();
        for k in [3, 2, 3] {
            receive(&mut tally, &plan, k, 0);
        }
        assert_eq!((tally.fates().out_of_order, tally.fates().delivered), (2, 1));
    }

    #[test]
    fn a_stamp_that_nobody_sent_is_not_a_delivery() {
        let (plan, _, mut tally) = tally();
        tally.location(0, plan.stamp_ms(plan.due_us(0, 3)) + 1, 50_000);
        tally.location(0, plan.stamp_ms(plan.due_us(0, 300)), 50_000);
        assert_eq!((tally.fates().out_of_order, tally.fates().delivered), (2, 0));
    }

    #[test]
    fn one_ack_settles_every_fix_up_to_it() {
        let (plan, log, mut tally) = tally();
        for k in 0..6 {
            log.note(1, k, plan.due_us(1, k) + 100);
        }
        let due_us = plan.due_us(1, 5);
        tally.ack(1, plan.stamp_ms(due_us), due_us + 1_000);
        let from_intended = tally.ack.quantiles().unwrap();
        assert_eq!((from_intended.count, from_intended.max.round()), (5, 41.0));
        assert_eq!(tally.ack_from_send.quantiles().unwrap().max.round(), 41.0);
        assert_eq!(tally.fates().unacked, 13);
    }

    #[test]
    fn latency_counts_from_the_intended_time_when_the_sender_was_late() {
        let (plan, log, mut tally) = tally();
        log.note(0, 1, plan.due_us(0, 1) + 7_000);
        receive(&mut tally, &plan, 1, 8_000);
        assert_eq!(tally.screen.quantiles().unwrap().max.round(), 8.0);
        assert_eq!(tally.screen_from_send.quantiles().unwrap().max.round(), 1.0);
    }

    #[test]
    fn watchers_of_one_driver_are_told_apart_and_one_that_missed_the_last_fix_is_behind() {
        let (plan, log, _) = tally();
        (0..4).for_each(|k| log.note(1, k, plan.due_us(1, k)));
        let tally = Tally::new(Arc::clone(&plan), log, vec![1, 1, 1]).unwrap();
        let mut tally = tally.keeping_receipts();
        for (watcher, last) in [(0, 3), (1, 3), (2, 2)] {
            tally.location(watcher, plan.stamp_ms(plan.due_us(1, last)), plan.due_us(1, last) + 700);
        }
        assert_eq!((tally.fates().delivered, tally.fates().out_of_order), (3, 0));
        assert_eq!(tally.receipts().iter().map(|receipt| receipt.took_us).collect::<Vec<_>>(), [700; 3]);
        assert_eq!(tally.behind(), 1);
    }

    #[test]
    fn a_send_too_long_ago_has_no_real_time() {
        let log = SendLog::new(1);
        (0..40).for_each(|k| log.note(0, k, k));
        assert_eq!(log.at_us(0, 39), Some(39));
        assert_eq!(log.at_us(0, 8), None);
        assert_eq!(log.at_us(0, 40), None);
    }
}
