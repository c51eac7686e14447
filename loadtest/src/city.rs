//! A fleet that drives about the demo city: where each driver is, step by step.
//!
//! Straight lines with turns, at street speeds, inside the box; no streets. Pure but for the seed.

use rand::{RngExt, SeedableRng, rngs::SmallRng};

/// The demo city, degrees: south, north, west, east (Florence, about 14 x 12 km).
const SOUTH: f64 = 43.72;
const NORTH: f64 = 43.83;
const WEST: f64 = 11.15;
const EAST: f64 = 11.33;

/// Metres in a degree of latitude, and of longitude at the city's middle.
const LATITUDE_M: f64 = 111_200.0;
const LONGITUDE_M: f64 = 80_300.0;

/// Street speeds, metres per second.
const SPEED_MIN: f64 = 4.0;
const SPEED_MAX: f64 = 13.0;

/// Mean time between two turns, seconds.
const STRAIGHT_S: f64 = 30.0;

/// Where one driver is and how it moves.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Degrees.
    pub latitude: f64,
    /// Degrees.
    pub longitude: f64,
    /// Metres per second.
    pub speed: f64,
    /// Degrees clockwise from north.
    pub heading: f64,
}

/// All drivers of a run.
#[derive(Debug)]
pub struct Fleet {
    places: Vec<Place>,
    random: SmallRng,
}

impl Fleet {
    /// Drivers spread uniformly over the city.
    pub fn new(drivers: u32, seed: u64) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let places = (0..drivers)
            .map(|_| Place {
                latitude: random.random_range(SOUTH..NORTH),
                longitude: random.random_range(WEST..EAST),
                speed: random.random_range(SPEED_MIN..SPEED_MAX),
                heading: random.random_range(0.0..360.0),
            })
            .collect();
        Self { places, random }
    }

    /// Where a driver is now.
    pub fn place(&self, driver: usize) -> Option<Place> {
        self.places.get(driver).copied()
    }

    /// Moves a driver on by `seconds` and says where it then is.
    pub fn step(&mut self, driver: usize, seconds: f64) -> Option<Place> {
        let place = self.places.get_mut(driver)?;
        if self.random.random_bool((seconds / STRAIGHT_S).clamp(0.0, 1.0)) {
            let turn = if self.random.random_bool(0.5) { 90.0 } else { 270.0 };
            place.heading = (place.heading + turn) % 360.0;
            place.speed = self.random.random_range(SPEED_MIN..SPEED_MAX);
        }
        let (east, north) = place.heading.to_radians().sin_cos();
        let metres = place.speed * seconds;
        let latitude = place.latitude + metres * north / LATITUDE_M;
        let longitude = place.longitude + metres * east / LONGITUDE_M;
        if (SOUTH..NORTH).contains(&latitude) && (WEST..EAST).contains(&longitude) {
            place.latitude = latitude;
            place.longitude = longitude;
        } else {
            // At the edge of the town: round, and off again from the same spot with the next fix. The short nudge back
            // keeps every position new.
            place.heading = (place.heading + 180.0) % 360.0;
            place.latitude = (place.latitude - 0.1 * metres * north / LATITUDE_M).clamp(SOUTH, NORTH);
            place.longitude = (place.longitude - 0.1 * metres * east / LONGITUDE_M).clamp(WEST, EAST);
        }
        Some(*place)
    }
}

/// A pickup that no driver is near (Bologna, some 80 km off), so that dispatch leaves the orders of a run to `/assign`.
pub const FAR_PICKUP: [f64; 2] = [44.4949, 11.3426];
/// A dropoff in the middle of the town.
pub const DROPOFF: [f64; 2] = [43.7696, 11.2558];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn drivers_stay_in_the_city_at_street_speeds_and_never_stand_still() {
        for step_s in [0.05, 1.0, 5.0] {
            let mut fleet = Fleet::new(50, 3);
            for driver in 0..50 {
                let mut before = fleet.place(driver).unwrap();
                for _ in 0..2_000 {
                    let now = fleet.step(driver, step_s).unwrap();
                    let north_m = (now.latitude - before.latitude) * LATITUDE_M;
                    let east_m = (now.longitude - before.longitude) * LONGITUDE_M;
                    let metres = north_m.hypot(east_m);
                    assert!(metres > 0.0 && metres <= SPEED_MAX * step_s + 1e-6, "{metres} m in {step_s} s");
                    assert!((SOUTH..=NORTH).contains(&now.latitude) && (WEST..=EAST).contains(&now.longitude));
                    before = now;
                }
            }
        }
    }

    #[test]
    fn a_fleet_is_spread_over_the_whole_box() {
        let fleet = Fleet::new(4_000, 1);
        let west = fleet.places.iter().filter(|place| place.longitude < f64::midpoint(WEST, EAST)).count();
        let south = fleet.places.iter().filter(|place| place.latitude < f64::midpoint(SOUTH, NORTH)).count();
        assert!((1_800..2_200).contains(&west) && (1_800..2_200).contains(&south), "{west} {south}");
    }
}
