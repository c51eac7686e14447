//! A small random source that gives the same numbers on every machine and in every release: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).

use std::cell::Cell;

/// What the state grows by with each number.
const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// Draws numbers from a seed.
pub struct Rng(Cell<u64>);

/// Spreads every bit of a number over all of them.
fn mix(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

impl Rng {
    /// Mixed once, or one seed would draw what the one before it draws, a step later.
    pub fn new(seed: u64) -> Self {
        Self(Cell::new(mix(seed.wrapping_add(GAMMA))))
    }

    pub fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(GAMMA);
        self.0.set(state);
        mix(state)
    }

    /// 0 up to, but not, `bound`.
    pub fn below(&self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap()
    }

    /// From `low` to `high`, both included.
    pub fn between(&self, low: i64, high: i64) -> i64 {
        low + i64::try_from(self.next() % u64::try_from(high - low + 1).unwrap()).unwrap()
    }

    /// From 0 to 1.
    pub fn unit(&self) -> f64 {
        #[allow(clippy::cast_precision_loss)]
        let share = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        share
    }

    /// `true` with this probability. Draws nothing for 0, so that a fault that is off costs nothing.
    pub fn chance(&self, probability: f64) -> bool {
        probability > 0.0 && self.unit() < probability
    }
}
