//! Seeded chance: the only source of randomness in the city, so that one seed always gives the same city.

use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::ops::Range;

/// A stream of random choices.
#[derive(Debug)]
pub(crate) struct Dice(StdRng);

impl Dice {
    /// The stream of one seed and one purpose; streams of different purposes are independent of each other.
    pub(crate) fn new(seed: u64, purpose: &str) -> Self {
        // FNV-1a, to fold the purpose into the seed.
        let folded = purpose
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(StdRng::seed_from_u64(seed ^ folded))
    }

    pub(crate) fn between(&mut self, range: Range<f64>) -> f64 {
        self.0.random_range(range)
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.0.random_bool(probability.clamp(0.0, 1.0))
    }

    /// An index below `count`; 0 when there is nothing to choose from.
    pub(crate) fn index(&mut self, count: usize) -> usize {
        if count == 0 { 0 } else { self.0.random_range(0..count) }
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.index(from.len()))
    }

    /// Standard normal (Box and Muller 1958).
    pub(crate) fn normal(&mut self) -> f64 {
        let (radius, angle) = (self.between(f64::MIN_POSITIVE..1.0), self.between(0.0..1.0));
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }

    /// The wait for the next of events that happen at random, `mean` apart.
    pub(crate) fn wait(&mut self, mean: f64) -> f64 {
        -self.between(f64::MIN_POSITIVE..1.0).ln() * mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_and_purpose_always_give_the_same_stream() {
        let stream = |seed, purpose| {
            let mut dice = Dice::new(seed, purpose);
            [0; 8].map(|_: i32| dice.index(1_000_000))
        };
        assert_eq!(stream(7, "D001"), stream(7, "D001"));
        assert_ne!(stream(7, "D001"), stream(7, "D002"));
        assert_ne!(stream(7, "D001"), stream(8, "D001"));
    }

    #[test]
    fn draws_have_the_moments_they_should() {
        let mut dice = Dice::new(1, "moments");
        let draws = 20_000;
        let normal: Vec<f64> = (0..draws).map(|_| dice.normal()).collect();
        let mean = normal.iter().sum::<f64>() / f64::from(draws);
        let variance = normal.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(draws);
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
        let waits = (0..draws).map(|_| dice.wait(4.0)).sum::<f64>() / f64::from(draws);
        assert!((waits - 4.0).abs() < 0.15, "{waits}");
    }
}
