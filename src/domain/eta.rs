//! Arrival estimates from distance alone, until roads and traffic are learned.

use super::geo::Position;
use super::matching::Eta;
use super::matching::PlanePoint;

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

/// Metres of one degree of latitude on the mean sphere.
const DEGREE_M: f64 = 111_195.0;

/// Ways in one town: distances on a plane that touches the Earth at `centre`, times the detour of streets, at the usual pace.
/// Within 50 km of the centre it is less than 0.5 % off the great circle, at a tenth of the work.
#[derive(Debug, Clone, Copy)]
pub struct Town {
    centre: Position,
    longitude_m: f64,
}

impl Town {
    /// A town around this position.
    #[must_use]
    pub fn around(centre: Position) -> Self {
        Self { centre, longitude_m: DEGREE_M * centre.latitude().to_radians().cos() }
    }
}

impl Eta for Town {
    type Place = Position;

    fn travel_s(&self, from: Position, to: Position) -> f64 {
        self.plane_m(from).distance_m(self.plane_m(to)) / self.pace_m_per_s()
    }

    fn plane_m(&self, place: Position) -> PlanePoint {
        // The short way round, also across the antimeridian.
        let east = place.longitude() - self.centre.longitude();
        let east = if east > 180.0 {
            east - 360.0
        } else if east < -180.0 {
            east + 360.0
        } else {
            east
        };
        PlanePoint { x_m: east * self.longitude_m, y_m: (place.latitude() - self.centre.latitude()) * DEGREE_M }
    }

    fn pace_m_per_s(&self) -> f64 {
        TOWN_M_PER_S / DETOUR
    }
}
