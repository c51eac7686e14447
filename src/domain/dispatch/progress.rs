//! Whether a driver gets nearer to where they are going.

use crate::domain::geo::Position;
use crate::domain::time::Millis;

/// Nearer by less than this is no progress, in metres: more than a standing phone's position wanders.
const STEP_M: f64 = 50.0;
/// Nearer than this counts as being there: parking and the kitchen's queue are no lack of progress, in metres.
const THERE_M: f64 = 150.0;

/// How near a driver has come to one stop, and when they last got nearer.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    stop: Position,
    nearest_m: f64,
    since: Millis,
}

impl Progress {
    /// Begins to watch, at this distance.
    #[must_use]
    pub fn begin(stop: Position, at: Position, now: Millis) -> Self {
        Self { stop, nearest_m: at.distance_m(stop), since: now }
    }

    /// Where they are going.
    #[must_use]
    pub fn stop(&self) -> Position {
        self.stop
    }

    /// Notes where the driver is, and says for how long they have not got nearer, in milliseconds: 0 when they have, or are there.
    pub fn note(&mut self, at: Position, now: Millis) -> i64 {
        let distance_m = at.distance_m(self.stop);
        if distance_m <= THERE_M || distance_m <= self.nearest_m - STEP_M {
            self.nearest_m = self.nearest_m.min(distance_m);
            self.since = now;
        }
        now.since(self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(lng: f64) -> Position {
        Position::new(43.77, lng).unwrap()
    }

    #[test]
    fn a_driver_who_gets_nearer_makes_progress() {
        let mut progress = Progress::begin(at(11.30), at(11.25), Millis(0));
        assert_eq!(progress.note(at(11.251), Millis(10_000)), 0);
        assert_eq!(progress.note(at(11.2512), Millis(20_000)), 10_000, "a few metres are the phone's noise");
        assert_eq!(progress.note(at(11.252), Millis(30_000)), 0);
    }

    #[test]
    fn going_away_and_coming_back_is_none() {
        let mut progress = Progress::begin(at(11.30), at(11.28), Millis(0));
        assert_eq!(progress.note(at(11.25), Millis(60_000)), 60_000);
        assert_eq!(progress.note(at(11.28), Millis(120_000)), 120_000);
    }

    #[test]
    fn waiting_at_the_stop_is_no_lack_of_progress() {
        let mut progress = Progress::begin(at(11.30), at(11.2995), Millis(0));
        assert_eq!(progress.note(at(11.2995), Millis(600_000)), 0);
    }
}
