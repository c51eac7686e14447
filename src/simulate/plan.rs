//! Who drives and what is ordered when: all of it follows from the seed and is known before anything is sent.

use super::city::CUSTOMERS_LIVE;
use super::city::City;
use super::city::Place;
use super::city::Reach;
use super::dice::Dice;
use super::motion::VEHICLES;
use super::motion::Vehicle;
use super::names;
use super::names::Dish;
use super::plane::Point;
use std::sync::Arc;
use std::time::Duration;

/// Customers who take turns to order.
const CUSTOMERS: usize = 600;
/// Share of orders that are parcels from door to door.
const PARCELS: f64 = 0.12;
/// Share of customers who think better of it.
const CANCELS: f64 = 0.04;
/// At first orders come faster, so that the city is alive within the first minute.
const OPENING_S: f64 = 60.0;
const OPENING_FACTOR: f64 = 3.0;
/// Time from one high tide of demand to the next.
const TIDE_S: f64 = 600.0;
/// A trip of a given length has its door this many metres from the pickup, at most, for each second of it: half of what a bicycle rides, for the
/// way to the pickup takes its part.
const TRIP_MPS: f64 = 2.0;
const TRIP_REACH_M: std::ops::RangeInclusive<f64> = 40.0..=1_200.0;
const TRIP_NEAREST_M: f64 = 20.0;
/// Drivers start within this of a restaurant.
const HOME_RADIUS_M: f64 = 1_200.0;

/// One driver.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DriverPlan {
    /// `D001` onward.
    pub(crate) id: String,
    pub(crate) name: &'static str,
    pub(crate) vehicle: Vehicle,
    pub(crate) home: Point,
    /// Charge of the phone at the start, 0 to 1.
    pub(crate) battery: f64,
}

/// The drivers of a seed.
pub(crate) fn drivers(city: &City, seed: u64, count: usize, shape: Shape) -> Vec<DriverPlan> {
    let mut dice = Dice::new(seed, "drivers");
    let driver = |number: usize| {
        let near = dice.index(city.restaurants.len());
        let corner = city.corner_near(city.restaurants[near].place.at, shape.home_radius_m(), &mut dice);
        // Scooters are what most of Florence's couriers ride.
        let vehicle = VEHICLES[[0, 1, 1, 2, 2, 2, 2, 3][dice.index(8)]];
        DriverPlan {
            id: format!("D{:03}", number + 1),
            name: names::first_name(number),
            vehicle,
            home: city.streets.at(corner),
            battery: dice.between(0.35..1.0),
        }
    };
    (0..count).map(driver).collect()
}

/// What is to be carried.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Goods {
    Meal {
        merchant_id: String,
        dishes: Vec<Dish>,
        /// What the kitchen says it takes, in seconds.
        prep_s: u32,
        /// What it takes.
        ready_after: Duration,
    },
    Parcel,
}

/// One order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OrderPlan {
    pub(crate) number: usize,
    /// Since the start.
    pub(crate) at: Duration,
    pub(crate) customer_id: String,
    pub(crate) goods: Goods,
    pub(crate) pickup: Place,
    pub(crate) dropoff: Place,
    /// The customer gives up after this, should the goods not have left by then.
    pub(crate) cancel_after: Option<Duration>,
}

/// What sets the orders of a run apart from those of the demo.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Shape {
    /// No brisk opening: the rate counts from the first order on.
    pub(crate) no_opening: bool,
    /// The rate rises and falls by this share of itself, every ten minutes.
    pub(crate) tide: f64,
    /// Every kitchen takes exactly this long, as it says; `None` for what kitchens take.
    pub(crate) prep: Option<Duration>,
    /// Customers live, and drivers wait, so near that an order can be carried in this time; `None` for where they do otherwise.
    pub(crate) trip: Option<Duration>,
}

impl Shape {
    fn reach(&self) -> Reach {
        let Some(trip) = self.trip else { return CUSTOMERS_LIVE };
        let farthest_m = (trip.as_secs_f64() * TRIP_MPS).clamp(*TRIP_REACH_M.start(), *TRIP_REACH_M.end());
        Reach { nearest_m: TRIP_NEAREST_M, farthest_m }
    }

    fn home_radius_m(&self) -> f64 {
        if self.trip.is_some() { self.reach().farthest_m } else { HOME_RADIUS_M }
    }

    /// By how much orders come faster than on average.
    fn factor(&self, at_s: f64) -> f64 {
        let opening = if at_s < OPENING_S && !self.no_opening { OPENING_FACTOR } else { 1.0 };
        opening * (1.0 + self.tide * (at_s * std::f64::consts::TAU / TIDE_S).sin())
    }
}

/// The orders of a seed, one after the other without end.
#[derive(Debug)]
pub(crate) struct Orders {
    city: Arc<City>,
    dice: Dice,
    per_minute: f64,
    shape: Shape,
    number: usize,
    at_s: f64,
}

impl Orders {
    /// Orders at `per_minute` on average, as a Poisson process; none at all at 0.
    pub(crate) fn new(city: Arc<City>, seed: u64, per_minute: f64) -> Self {
        Self { city, dice: Dice::new(seed, "orders"), per_minute, shape: Shape::default(), number: 0, at_s: 0.0 }
    }

    /// The same, otherwise shaped.
    pub(crate) fn shaped(self, shape: Shape) -> Self {
        Self { shape, ..self }
    }
}

impl Iterator for Orders {
    type Item = OrderPlan;

    fn next(&mut self) -> Option<OrderPlan> {
        if self.per_minute.is_nan() || self.per_minute <= 0.0 {
            return None;
        }
        self.at_s += self.dice.wait(60.0 / (self.per_minute * self.shape.factor(self.at_s)));
        self.number += 1;
        let city = Arc::clone(&self.city);
        let restaurant = city.restaurants.get(self.dice.index(city.restaurants.len()))?;
        let (pickup, goods) = if self.dice.chance(PARCELS) {
            (city.address_near(restaurant.place.at, self.shape.reach(), &mut self.dice), Goods::Parcel)
        } else {
            (restaurant.place.clone(), self.meal(&restaurant.id, restaurant.prep_mean_s))
        };
        let dropoff = city.address_near(pickup.at, self.shape.reach(), &mut self.dice);
        let cancel_after = self.dice.chance(CANCELS).then(|| Duration::from_secs_f64(self.dice.between(4.0..90.0)));
        Some(OrderPlan {
            number: self.number,
            at: Duration::from_secs_f64(self.at_s),
            // Neighbouring orders come from different people, and each comes back after all others.
            customer_id: format!("C{:04}", 1 + self.number * 7 % CUSTOMERS),
            goods,
            pickup,
            dropoff,
            cancel_after,
        })
    }
}

impl Orders {
    fn meal(&mut self, merchant_id: &str, prep_mean_s: f64) -> Goods {
        let promised_s = prep_mean_s * self.dice.between(0.75..1.35);
        // Kitchens keep their word within some 15 %, and are late more often than early.
        let needed_s = promised_s * (1.05 + 0.15 * self.dice.normal()).clamp(0.7, 1.6);
        let (promised_s, needed_s) = match self.shape.prep {
            Some(prep) => (prep.as_secs_f64(), prep.as_secs_f64()),
            None => (promised_s, needed_s),
        };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let prep_s = promised_s.round() as u32;
        Goods::Meal {
            merchant_id: merchant_id.to_owned(),
            dishes: names::meal(&mut self.dice),
            prep_s,
            ready_after: Duration::from_secs_f64(needed_s),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::city::tests::CITY;
    use super::*;
    use std::collections::HashSet;

    fn orders(seed: u64, per_minute: f64) -> Orders {
        Orders::new(Arc::clone(&CITY), seed, per_minute)
    }

    #[test]
    fn a_seed_always_gives_the_same_drivers_and_orders() {
        assert_eq!(drivers(&CITY, 3, 40, Shape::default()), drivers(&CITY, 3, 40, Shape::default()));
        assert_ne!(drivers(&CITY, 3, 40, Shape::default()), drivers(&CITY, 4, 40, Shape::default()));
        assert!(orders(3, 15.0).take(50).eq(orders(3, 15.0).take(50)));
        assert!(!orders(3, 15.0).take(50).eq(orders(4, 15.0).take(50)));
    }

    #[test]
    fn more_drivers_leave_the_first_ones_as_they_are() {
        assert_eq!(drivers(&CITY, 3, 10, Shape::default()), drivers(&CITY, 3, 40, Shape::default())[..10]);
    }

    #[test]
    fn orders_come_at_the_rate_after_a_brisk_opening() {
        let hour = 3_600.0;
        let all: Vec<f64> = orders(9, 20.0).map(|order| order.at.as_secs_f64()).take_while(|at| *at < hour).collect();
        let opening = all.iter().filter(|at| **at < 60.0).count();
        let later = all.len() - opening;
        assert!((35..85).contains(&opening), "{opening} in the first minute, 60 expected");
        assert!((1_080..1_280).contains(&later), "{later} in the 59 minutes after, 1,180 expected");
        assert_eq!(orders(9, 0.0).count(), 0);
    }

    #[test]
    fn orders_rise_and_fall_with_the_tide_and_keep_their_mean() {
        let shape = Shape { no_opening: true, tide: 0.8, ..Shape::default() };
        let hour = orders(9, 60.0).shaped(shape).map(|order| order.at.as_secs_f64()).take_while(|at| *at < 3_600.0);
        let (high, low): (Vec<f64>, Vec<f64>) = hour.partition(|at| at % TIDE_S < TIDE_S / 2.0);
        assert!((3_350..3_850).contains(&(high.len() + low.len())), "{} and {}", high.len(), low.len());
        assert!(high.len() > 2 * low.len(), "{} and {}", high.len(), low.len());
    }

    #[test]
    fn a_shape_fixes_what_kitchens_take_and_how_far_it_is() {
        let (prep, trip) = (Some(Duration::ZERO), Some(Duration::from_secs(60)));
        let shape = Shape { prep, trip, ..Shape::default() };
        let near = |at: Point| CITY.restaurants.iter().any(|one| one.place.at.distance_m(at) <= 200.0);
        assert!(drivers(&CITY, 9, 50, shape).iter().all(|driver| near(driver.home)));
        for order in orders(9, 60.0).shaped(shape).take(300) {
            assert!(near(order.pickup.at), "{order:?}");
            assert!(order.pickup.at.distance_m(order.dropoff.at) <= 120.0, "{order:?}");
            if let Goods::Meal { prep_s, ready_after, .. } = order.goods {
                assert_eq!((prep_s, ready_after), (0, Duration::ZERO));
            }
        }
        let moments = |shape| orders(9, 60.0).shaped(shape).map(|order| order.at).take(5).collect::<Vec<_>>();
        assert_eq!(moments(Shape { trip, ..Shape::default() })[0], moments(Shape::default())[0]);
    }

    #[test]
    fn customers_take_turns() {
        let first: HashSet<_> = orders(9, 20.0).take(CUSTOMERS).map(|order| order.customer_id).collect();
        assert_eq!(first.len(), CUSTOMERS);
    }

    #[test]
    fn most_orders_are_meals_and_few_are_given_up() {
        let all: Vec<OrderPlan> = orders(9, 20.0).take(1_500).collect();
        let parcels = all.iter().filter(|order| order.goods == Goods::Parcel).count();
        let given_up = all.iter().filter(|order| order.cancel_after.is_some()).count();
        assert!((120..245).contains(&parcels), "{parcels}");
        assert!((35..95).contains(&given_up), "{given_up}");
    }
}
