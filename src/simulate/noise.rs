//! What a phone makes of where it is: an error that wanders, and an accuracy that is true to it.

use super::dice::Dice;
use super::plane::Point;

/// The error forgets itself over this time: reflections change as the phone moves through the streets.
const MEMORY_S: f64 = 20.0;
/// The accuracy itself drifts over this time, as streets grow narrow and wide.
const ACCURACY_MEMORY_S: f64 = 90.0;
/// Accuracies stay between these.
const BEST_M: f64 = 3.0;
const WORST_M: f64 = 8.0;
/// The radius that holds 68 % of a round normal error, in standard deviations of one axis: sqrt(-2 ln 0.32).
const RADIUS_OF_68_PERCENT: f64 = 1.5096;

/// The receiver of one phone: a first-order Gauss-Markov process on each axis.
#[derive(Debug, Clone)]
pub(crate) struct Receiver {
    east: f64,
    north: f64,
    accuracy_m: f64,
}

/// A measured place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Measured {
    pub(crate) at: Point,
    /// Radius that holds the true place with a probability of 68 %.
    pub(crate) accuracy_m: f64,
}

impl Receiver {
    pub(crate) fn new(dice: &mut Dice) -> Self {
        Self { east: dice.normal(), north: dice.normal(), accuracy_m: dice.between(BEST_M..WORST_M) }
    }

    /// Measures the true place, `seconds` after the last time.
    pub(crate) fn measure(&mut self, truth: Point, seconds: f64, dice: &mut Dice) -> Measured {
        let kept = (-seconds / MEMORY_S).exp();
        let fresh = (1.0 - kept * kept).sqrt();
        self.east = kept * self.east + fresh * dice.normal();
        self.north = kept * self.north + fresh * dice.normal();
        let drift = (seconds / ACCURACY_MEMORY_S).sqrt() * dice.normal();
        self.accuracy_m = (self.accuracy_m + drift).clamp(BEST_M, WORST_M);
        let deviation_m = self.accuracy_m / RADIUS_OF_68_PERCENT;
        let at = Point { x: truth.x + self.east * deviation_m, y: truth.y + self.north * deviation_m };
        Measured { at, accuracy_m: self.accuracy_m }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(count: usize, seconds: f64) -> Vec<Measured> {
        let mut dice = Dice::new(5, "noise");
        let mut receiver = Receiver::new(&mut dice);
        (0..count).map(|_| receiver.measure(Point::default(), seconds, &mut dice)).collect()
    }

    #[test]
    fn the_accuracy_is_true_to_the_error() {
        let measured = errors(30_000, 3.0);
        let inside = measured.iter().filter(|one| one.at.distance_m(Point::default()) <= one.accuracy_m).count();
        assert!((18_900..21_900).contains(&inside), "{inside} of 30,000 inside, 68 % expected");
        assert!(measured.iter().all(|one| (BEST_M..=WORST_M).contains(&one.accuracy_m)));
    }

    #[test]
    fn the_error_wanders_and_does_not_jump() {
        let measured = errors(10_000, 3.0);
        let step = |pair: &[Measured]| pair[0].at.distance_m(pair[1].at);
        let mean_step = measured.windows(2).map(step).sum::<f64>() / 9_999.0;
        let mean_error = measured.iter().map(|one| one.at.distance_m(Point::default())).sum::<f64>() / 10_000.0;
        assert!(mean_step < mean_error * 0.7, "{mean_step} against {mean_error}");
    }
}
