//! When each fix is due, and which fix a timestamp names.
//!
//! Sending is open loop: fix `k` of a driver is due at its phase plus `k` periods whatever the server does, and its
//! timestamp (also its `seq`) is that instant in Unix milliseconds. So a receipt or an ack finds its fix by
//! arithmetic, and nothing has to be remembered for it. Pure: instants are microseconds since the run's start.

use rand::{SeedableRng, rngs::SmallRng, seq::SliceRandom};

/// The sending of one run. The first `warmup_us` are not counted; the next `window_us` are.
#[derive(Debug, Clone)]
pub struct Plan {
    wall_start_ms: i64,
    period_us: u64,
    warmup_us: u64,
    window_us: u64,
    end_us: u64,
    /// Driver of each slot of the period, so that phases are spread evenly and in no order.
    slots: Vec<u32>,
    /// Slot of each driver.
    slot_of: Vec<u32>,
}

/// One fix that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Index of the driver.
    pub driver: usize,
    /// Number of the fix among that driver's.
    pub k: u64,
    /// When it is due, microseconds since the start.
    pub at_us: u64,
}

/// Lengths of the parts of a run, microseconds.
#[derive(Debug, Clone, Copy)]
pub struct Spans {
    /// Time between two fixes of a driver; more than 1,000, or timestamps would repeat.
    pub period_us: u64,
    /// Sent and received, not counted.
    pub warmup_us: u64,
    /// Counted.
    pub window_us: u64,
    /// Sent after the window, while something else is measured.
    pub after_us: u64,
}

impl Plan {
    /// A plan for `drivers` drivers; `None` when there are none or the period is too short to tell fixes apart.
    pub fn new(drivers: u32, spans: Spans, seed: u64) -> Option<Self> {
        if drivers == 0 || spans.period_us <= 1_000 {
            return None;
        }
        let mut slots: Vec<u32> = (0..drivers).collect();
        slots.shuffle(&mut SmallRng::seed_from_u64(seed));
        let mut slot_of = vec![0; slots.len()];
        for (slot, driver) in (0u32..).zip(&slots) {
            if let Some(place) = slot_of.get_mut(*driver as usize) {
                *place = slot;
            }
        }
        Some(Self {
            wall_start_ms: 0,
            period_us: spans.period_us,
            warmup_us: spans.warmup_us,
            window_us: spans.window_us,
            end_us: spans.warmup_us + spans.window_us + spans.after_us,
            slots,
            slot_of,
        })
    }

    /// The same plan, beginning at this wall time in Unix milliseconds.
    pub fn starting(mut self, wall_start_ms: i64) -> Self {
        self.wall_start_ms = wall_start_ms;
        self
    }

    /// The `n`th send of the whole fleet; `None` when the run is over.
    pub fn send(&self, n: u64) -> Option<Due> {
        let fleet = self.slots.len() as u64;
        let slot = n % fleet;
        let driver = *self.slots.get(slot as usize)? as usize;
        let k = n / fleet;
        let at_us = slot * self.period_us / fleet + k * self.period_us;
        (at_us < self.end_us).then_some(Due { driver, k, at_us })
    }

    /// When fix `k` of a driver is due, microseconds since the start.
    pub fn due_us(&self, driver: usize, k: u64) -> u64 {
        self.phase_us(driver) + k * self.period_us
    }

    /// The timestamp and `seq` of an instant, Unix milliseconds.
    pub fn stamp_ms(&self, at_us: u64) -> i64 {
        self.wall_start_ms + (at_us / 1_000) as i64
    }

    /// Which fix of a driver carries this stamp; `None` for one sent before the run.
    pub fn fix_of(&self, driver: usize, stamp_ms: i64) -> Option<u64> {
        let since_ms = u64::try_from(stamp_ms - self.wall_start_ms).ok()?;
        // A stamp lost up to 999 us to rounding; a period is longer than that, so the quotient is exact.
        let since_phase_us = (since_ms * 1_000 + 999).checked_sub(self.phase_us(driver))?;
        Some(since_phase_us / self.period_us)
    }

    /// How many fixes a driver sends in the whole run.
    pub fn fixes_of(&self, driver: usize) -> u64 {
        self.end_us.saturating_sub(self.phase_us(driver)).div_ceil(self.period_us)
    }

    /// Whether a fix due at this instant counts.
    pub fn counts(&self, at_us: u64) -> bool {
        (self.warmup_us..self.warmup_us + self.window_us).contains(&at_us)
    }

    /// When counting begins, when it ends, and when the last fix has gone out, microseconds since the start.
    pub fn marks_us(&self) -> [u64; 3] {
        [self.warmup_us, self.warmup_us + self.window_us, self.end_us]
    }

    fn phase_us(&self, driver: usize) -> u64 {
        let slot = self.slot_of.get(driver).copied().unwrap_or_default();
        u64::from(slot) * self.period_us / self.slots.len() as u64
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn plan(drivers: u32, period_us: u64) -> Plan {
        let spans = Spans { period_us, warmup_us: 100_000, window_us: 400_000, after_us: 50_000 };
        Plan::new(drivers, spans, 7).unwrap().starting(1_772_323_200_000)
    }

    #[test]
    fn every_stamp_leads_back_to_its_fix() {
        for (drivers, period_us) in [(1, 1_001), (7, 13_337), (1_000, 142_857), (10, 50_000)] {
            let plan = plan(drivers, period_us);
            let mut n = 0;
            while let Some(due) = plan.send(n) {
                assert_eq!(due.at_us, plan.due_us(due.driver, due.k));
                assert_eq!(plan.fix_of(due.driver, plan.stamp_ms(due.at_us)), Some(due.k), "{due:?}");
                n += 1;
            }
            assert_eq!(n, (0..drivers as usize).map(|driver| plan.fixes_of(driver)).sum::<u64>());
        }
    }

    #[test]
    fn sends_are_spread_evenly_and_in_time_order() {
        let plan = plan(100, 100_000);
        let dues: Vec<u64> = (0..).map_while(|n| plan.send(n)).map(|due| due.at_us).collect();
        assert!(dues.windows(2).all(|pair| matches!(pair, [a, b] if b - a == 1_000)));
        assert_eq!(dues.iter().filter(|at| plan.counts(**at)).count(), 400);
    }

    #[test]
    fn a_stamp_from_before_the_run_names_no_fix() {
        assert_eq!(plan(3, 10_000).fix_of(2, 1_772_323_199_990), None);
    }

    #[test]
    fn a_period_that_would_repeat_stamps_is_refused() {
        assert!(Plan::new(1, Spans { period_us: 1_000, warmup_us: 0, window_us: 1, after_us: 0 }, 0).is_none());
        assert!(Plan::new(0, Spans { period_us: 9_000, warmup_us: 0, window_us: 1, after_us: 0 }, 0).is_none());
    }
}
