//! How a vehicle moves along a way: it speeds up, brakes for corners, slower roads and its goal, and stands at lights now and then.

use super::dice::Dice;
use super::plane::Point;
use super::streets::Leg;
use super::streets::Pace;
use super::streets::Route;

/// Longest step of the integration.
const STEP_S: f64 = 0.5;
/// Metres between two random halts, on average.
const HALT_EVERY_M: f64 = 450.0;
/// Seconds a halt lasts on average, and at most.
const HALT_MEAN_S: f64 = 11.0;
const HALT_MAX_S: f64 = 45.0;
/// Slowest crawl while there is way to go, so that rounding never leaves a vehicle short of its goal.
const CRAWL_MPS: f64 = 0.6;
/// How far ahead a driver looks for what must be slowed down for.
const LOOK_AHEAD_M: f64 = 160.0;

/// What a vehicle can do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Vehicle {
    pub(crate) name: &'static str,
    pub(crate) pace: Pace,
    /// Metres per second squared.
    pub(crate) acceleration: f64,
    /// Metres per second squared.
    pub(crate) braking: f64,
}

/// The vehicles of the city.
pub(crate) const VEHICLES: [Vehicle; 4] = [
    Vehicle { name: "bicycle", pace: Pace { share: 0.8, top_mps: 5.8 }, acceleration: 0.8, braking: 1.6 },
    Vehicle { name: "e-bike", pace: Pace { share: 0.9, top_mps: 7.0 }, acceleration: 1.1, braking: 1.8 },
    Vehicle { name: "scooter", pace: Pace { share: 0.95, top_mps: 12.5 }, acceleration: 2.2, braking: 2.6 },
    Vehicle { name: "car", pace: Pace { share: 0.9, top_mps: 25.0 }, acceleration: 1.8, braking: 2.4 },
];

/// A vehicle somewhere along a way.
#[derive(Debug, Clone)]
pub(crate) struct Motion {
    vehicle: Vehicle,
    at: Point,
    heading_deg: f64,
    speed_mps: f64,
    route: Route,
    leg: usize,
    along_m: f64,
    next_halt_m: f64,
    halt_s: f64,
    odometer_m: f64,
}

impl Motion {
    /// Standing still at a point.
    pub(crate) fn standing(vehicle: Vehicle, at: Point) -> Self {
        Self {
            vehicle,
            at,
            heading_deg: 0.0,
            speed_mps: 0.0,
            route: Route::default(),
            leg: 0,
            along_m: 0.0,
            next_halt_m: HALT_EVERY_M,
            halt_s: 0.0,
            odometer_m: 0.0,
        }
    }

    pub(crate) fn at(&self) -> Point {
        self.at
    }

    /// Degrees clockwise from north.
    pub(crate) fn heading_deg(&self) -> f64 {
        self.heading_deg
    }

    pub(crate) fn speed_mps(&self) -> f64 {
        self.speed_mps
    }

    /// Metres driven so far.
    pub(crate) fn odometer_m(&self) -> f64 {
        self.odometer_m
    }

    pub(crate) fn vehicle(&self) -> Vehicle {
        self.vehicle
    }

    /// Whether the end of the way is reached.
    pub(crate) fn arrived(&self) -> bool {
        self.leg >= self.route.legs.len()
    }

    /// Metres to the end of the way.
    pub(crate) fn left_m(&self) -> f64 {
        let ahead = self.route.legs.get(self.leg..).unwrap_or_default();
        (ahead.iter().map(|leg| leg.length_m).sum::<f64>() - self.along_m).max(0.0)
    }

    /// The end of the street piece being driven: where a new way has to begin, since nobody turns in the middle of a street.
    pub(crate) fn next_corner(&self) -> Point {
        self.route.legs.get(self.leg).map_or(self.at, |leg| leg.to)
    }

    /// Follows a way that begins at [`Motion::next_corner`], after finishing the piece being driven.
    pub(crate) fn follow(&mut self, way: Route) {
        let rest = self.route.legs.get(self.leg).copied();
        self.route = Route { legs: rest.into_iter().chain(way.legs).collect() };
        self.leg = 0;
        if rest.is_none() {
            self.along_m = 0.0;
        }
    }

    /// Drives on for `seconds`.
    pub(crate) fn advance(&mut self, seconds: f64, dice: &mut Dice) {
        let mut left_s = seconds;
        while left_s > 0.0 && !self.arrived() {
            let step_s = left_s.min(STEP_S);
            self.step(step_s, dice);
            left_s -= step_s;
        }
        if self.arrived() {
            self.speed_mps = 0.0;
        }
    }

    fn step(&mut self, step_s: f64, dice: &mut Dice) {
        if self.halt_s > 0.0 {
            self.speed_mps = (self.speed_mps - self.vehicle.braking * step_s).max(0.0);
            if self.speed_mps == 0.0 {
                self.halt_s -= step_s;
                return;
            }
        } else {
            let target = self.allowed_mps();
            let faster = self.speed_mps + self.vehicle.acceleration * step_s;
            let slower = self.speed_mps - self.vehicle.braking * step_s;
            self.speed_mps = target.clamp(slower.min(faster), faster).max(CRAWL_MPS);
        }
        self.travel(self.speed_mps * step_s);
        self.next_halt_m -= self.speed_mps * step_s;
        if self.next_halt_m <= 0.0 {
            self.next_halt_m = dice.wait(HALT_EVERY_M);
            self.halt_s = dice.wait(HALT_MEAN_S).min(HALT_MAX_S);
        }
    }

    fn travel(&mut self, metres: f64) {
        self.along_m += metres;
        self.odometer_m += metres;
        while let Some(leg) = self.route.legs.get(self.leg) {
            self.heading_deg = leg.from.bearing_deg(leg.to);
            if self.along_m < leg.length_m {
                self.at = leg.from.toward(leg.to, self.along_m / leg.length_m);
                return;
            }
            self.along_m -= leg.length_m;
            self.at = leg.to;
            self.leg += 1;
        }
        self.along_m = 0.0;
    }

    /// The fastest speed from which everything ahead can still be braked for: v² = u² + 2 b d.
    fn allowed_mps(&self) -> f64 {
        let Some(here) = self.route.legs.get(self.leg) else { return 0.0 };
        let mut allowed = self.vehicle.pace.speed_mps(here.class);
        let mut ahead_m = here.length_m - self.along_m;
        let mut last = here;
        for leg in &self.route.legs[self.leg + 1..] {
            if ahead_m > LOOK_AHEAD_M {
                return allowed;
            }
            let entry = self.vehicle.pace.speed_mps(leg.class).min(corner_mps(last, leg));
            allowed = allowed.min(entry.mul_add(entry, 2.0 * self.vehicle.braking * ahead_m).sqrt());
            ahead_m += leg.length_m;
            last = leg;
        }
        allowed.min((2.0 * self.vehicle.braking * ahead_m).sqrt())
    }
}

/// Speed at which one street is left for another.
fn corner_mps(before: &Leg, after: &Leg) -> f64 {
    let (a, b) = (before.from.bearing_deg(before.to), after.from.bearing_deg(after.to));
    let turn_deg = ((b - a + 540.0).rem_euclid(360.0) - 180.0).abs();
    match turn_deg {
        turn if turn < 20.0 => f64::INFINITY,
        turn if turn < 50.0 => 8.0,
        turn if turn < 110.0 => 4.5,
        _ => 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::streets::RoadClass;
    use proptest::prelude::*;

    const SCOOTER: Vehicle = VEHICLES[2];

    fn way(corners: &[Point], class: RoadClass) -> Route {
        let leg = |pair: &[Point]| Leg { from: pair[0], to: pair[1], length_m: pair[0].distance_m(pair[1]), class };
        Route { legs: corners.windows(2).map(leg).collect() }
    }

    fn at(x: f64, y: f64) -> Point {
        Point { x, y }
    }

    proptest! {
        #[test]
        fn nobody_jumps_speeds_or_brakes_beyond_the_vehicle(
            seed: u64,
            vehicle in prop::sample::select(VEHICLES.to_vec()),
            corners in prop::collection::vec((-800.0..800.0, -800.0..800.0), 2..9),
            step_s in 0.1..3.0,
        ) {
            let corners: Vec<Point> = corners.into_iter().map(|(x, y)| at(x, y)).collect();
            let mut motion = Motion::standing(vehicle, corners[0]);
            motion.follow(way(&corners, RoadClass::Medium));
            let mut dice = Dice::new(seed, "motion");
            let top = vehicle.pace.speed_mps(RoadClass::Medium);
            for _ in 0..100_000 {
                let (before, speed) = (motion.at(), motion.speed_mps());
                motion.advance(step_s, &mut dice);
                prop_assert!(before.distance_m(motion.at()) <= (top + 1e-6) * step_s);
                let gained = motion.speed_mps() - speed;
                prop_assert!(gained <= vehicle.acceleration * step_s + CRAWL_MPS);
                prop_assert!(motion.arrived() || -gained <= vehicle.braking * step_s + 1e-6);
                if motion.arrived() {
                    break;
                }
            }
            prop_assert!(motion.arrived());
            prop_assert_eq!(motion.at(), corners[corners.len() - 1]);
        }
    }

    #[test]
    fn a_corner_is_taken_slowly() {
        let mut motion = Motion::standing(SCOOTER, at(0.0, 0.0));
        motion.next_halt_m = 1e9;
        motion.follow(way(&[at(0.0, 0.0), at(300.0, 0.0), at(300.0, 300.0)], RoadClass::Medium));
        let mut dice = Dice::new(1, "corner");
        let mut fastest = 0.0_f64;
        while motion.leg == 0 {
            motion.advance(0.25, &mut dice);
            fastest = fastest.max(motion.speed_mps());
        }
        assert!(fastest > 10.0, "{fastest}");
        assert!(motion.speed_mps() < 5.5, "{}", motion.speed_mps());
        assert!((motion.heading_deg() - 0.0).abs() < 1e-9);
    }

    #[test]
    fn a_new_goal_is_driven_to_from_the_next_corner() {
        let mut motion = Motion::standing(SCOOTER, at(0.0, 0.0));
        motion.follow(way(&[at(0.0, 0.0), at(200.0, 0.0), at(400.0, 0.0)], RoadClass::Minor));
        let mut dice = Dice::new(1, "goal");
        motion.advance(6.0, &mut dice);
        let (before, corner) = (motion.at(), motion.next_corner());
        assert_eq!(corner, at(200.0, 0.0));
        motion.follow(way(&[corner, at(200.0, 90.0)], RoadClass::Minor));
        assert_eq!(motion.at(), before);
        motion.advance(600.0, &mut dice);
        assert_eq!(motion.at(), at(200.0, 90.0));
    }

    #[test]
    fn long_ways_have_halts() {
        let mut motion = Motion::standing(SCOOTER, at(0.0, 0.0));
        motion.follow(way(&[at(0.0, 0.0), at(9_000.0, 0.0)], RoadClass::Medium));
        let mut dice = Dice::new(3, "halts");
        let mut stood = 0;
        while !motion.arrived() {
            motion.advance(1.0, &mut dice);
            stood += i32::from(motion.speed_mps() == 0.0 && !motion.arrived());
        }
        assert!((40..900).contains(&stood), "{stood} s");
    }
}
