//! Arrival estimates from distance alone, until roads and traffic are learned.

use super::geo::Position;

/// Streets are longer than the crow flies: the usual ratio in European cities is 1.3 to 1.4.
const DETOUR: f64 = 1.35;
/// Speed of a delivery vehicle in town, door to door, in metres per second.
const TOWN_M_PER_S: f64 = 5.5;

/// Seconds to drive from one place to another.
#[must_use]
pub fn travel_s(from: Position, to: Position) -> f64 {
    from.distance_m(to) * DETOUR / TOWN_M_PER_S
}

/// The same in whole seconds, never less than one.
#[must_use]
pub fn travel_whole_s(from: Position, to: Position) -> i64 {
    // Half the Earth's girth is below 5 million seconds at this speed.
    #[allow(clippy::cast_possible_truncation)]
    let whole = travel_s(from, to).ceil() as i64;
    whole.max(1)
}
