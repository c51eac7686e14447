//! Uncertain kitchens: how long a driver is expected to wait for food that is expected, but not promised, at a time.
//!
//! The time is taken as normally distributed. Formulas: mean excess of a normal variable over a point, and the mean and
//! variance of a normal variable known to exceed a point (inverse Mills ratio).

use super::Ready;
use crate::domain::time::Millis;

const INVERSE_SQRT_TAU: f64 = 0.398_942_280_401_432_7;

/// Expected wait in seconds of a driver who comes `ahead_s` before the expected time, whose standard deviation is `spread_s`.
pub(super) fn wait_s(ahead_s: f64, spread_s: f64) -> f64 {
    let z = ahead_s / spread_s;
    if z > 5.0 {
        return ahead_s;
    }
    if z < -5.0 {
        return 0.0;
    }
    spread_s * (density(z) + z * below(z))
}

/// Density of the standard normal distribution.
fn density(z: f64) -> f64 {
    INVERSE_SQRT_TAU * (-0.5 * z * z).exp()
}

/// Share of the standard normal distribution below `z`, to 7 digits (Abramowitz and Stegun 26.2.17).
fn below(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let poly =
        t * (0.319_381_530 + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let tail = density(z) * poly;
    if z >= 0.0 { 1.0 - tail } else { tail }
}

impl Ready {
    /// What to expect once `now` has come and the food still is not ready.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    pub fn still_cooking(self, now: Millis) -> Ready {
        if self.spread_s <= 0.0 {
            return Ready { at: self.at.max(now), spread_s: 0.0 };
        }
        let z = now.since(self.at) as f64 / 1_000.0 / self.spread_s;
        if z < -4.0 {
            return self;
        }
        if z >= 0.0 {
            // Kitchens have long tails: past the expected time, what is still to come stays as long as the spread.
            return Ready { at: now + (self.spread_s * 1_000.0) as i64, spread_s: self.spread_s };
        }
        let hazard = density(z) / below(-z);
        let variance = (1.0 + z * hazard - hazard * hazard).max(0.01);
        Ready { at: self.at + (hazard * self.spread_s * 1_000.0) as i64, spread_s: self.spread_s * variance.sqrt() }
    }
}
