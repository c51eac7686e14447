//! How many frames one socket may send: a token bucket each for control frames and for data frames, on the thread's cheap
//! clock and in whole numbers.
//!
//! A ping costs its sender six bytes and us a pong, so pings are bounded tightly and judged before any is answered. Data
//! frames are bounded far above what any client of the contract sends; what their messages may cost is another matter.
//! When the thread is busy its clock lags and the buckets fill late: the burst has room for that.

use super::tick::Tick;
use crate::limits::CONTROL_FRAMES_BURST;
use crate::limits::CONTROL_FRAMES_PER_S;
use crate::limits::DATA_FRAMES_BURST;
use crate::limits::DATA_FRAMES_PER_S;

/// A thousandth of a token is what one token a second comes to in a millisecond.
const PARTS: u64 = 1_000;

/// How often something may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameRate {
    /// At once, after a rest.
    pub burst: u32,
    /// In each second, on and on.
    pub per_s: u32,
}

/// The rates of one socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameRates {
    /// Pings, pongs, a close.
    pub control: FrameRate,
    /// Text frames; each fragment is one.
    pub data: FrameRate,
}

impl Default for FrameRates {
    fn default() -> Self {
        Self {
            control: FrameRate { burst: CONTROL_FRAMES_BURST, per_s: CONTROL_FRAMES_PER_S },
            data: FrameRate { burst: DATA_FRAMES_BURST, per_s: DATA_FRAMES_PER_S },
        }
    }
}

/// A token bucket, full at first.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: FrameRate,
    /// In thousandths of a token.
    parts: u64,
    filled_at: Tick,
}

impl Bucket {
    pub(super) fn full(rate: FrameRate, now: Tick) -> Self {
        Self { rate, parts: u64::from(rate.burst) * PARTS, filled_at: now }
    }

    /// Takes so many tokens; takes none and answers false when there are fewer.
    #[must_use]
    pub(super) fn take(&mut self, tokens: u64, now: Tick) -> bool {
        let passed_ms = u64::try_from(now.since(self.filled_at).as_millis()).unwrap_or(u64::MAX);
        let gained = passed_ms.saturating_mul(u64::from(self.rate.per_s));
        self.parts = self.parts.saturating_add(gained).min(u64::from(self.rate.burst) * PARTS);
        self.filled_at = self.filled_at.max(now);
        match self.parts.checked_sub(tokens.saturating_mul(PARTS)) {
            Some(left) => {
                self.parts = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const RATE: FrameRate = FrameRate { burst: 4, per_s: 8 };

    fn at(ms: u64) -> Tick {
        Tick::default().after(Duration::from_millis(ms))
    }

    #[test]
    fn a_burst_and_then_the_rate_to_the_millisecond() {
        let mut bucket = Bucket::full(RATE, at(0));
        assert!(bucket.take(3, at(0)) && bucket.take(1, at(0)));
        assert!(!bucket.take(1, at(0)));
        // 125 ms a token, however often one looks in between.
        for ms in 1..125 {
            assert!(!bucket.take(1, at(ms)), "{ms}");
        }
        assert!(bucket.take(1, at(125)));
        assert!(!bucket.take(1, at(249)) && bucket.take(1, at(250)));
    }

    #[test]
    fn no_more_than_a_burst_is_saved_up() {
        let mut bucket = Bucket::full(RATE, at(0));
        assert!(!bucket.take(5, at(3_600_000)), "more at once than the burst");
        assert!(bucket.take(4, at(3_600_000)));
        assert!(!bucket.take(1, at(3_600_000)));
        assert!(!bucket.take(1, at(0)), "a clock that went back gives nothing");
        assert!(bucket.take(0, at(3_600_000)));
    }
}
