//! One instance's day in simulated time, minute by minute: who is where, what is open, and what becomes of each offer.

use super::instance::Instance;
use super::instance::Point;
use crate::domain::fleet::Needs;
use crate::domain::fleet::VehicleKind;
use crate::domain::matching::Candidate;
use crate::domain::matching::Eta;
use crate::domain::matching::OpenOrder;
use crate::domain::matching::PlanePoint;
use crate::domain::matching::Ready;
use crate::domain::matching::Record;
use crate::domain::time::Millis;
use std::collections::BTreeSet;
use std::collections::HashSet;

/// Orders one courier may carry at once. The instances name no bound.
const CAPACITY: usize = 4;
/// Preparation that is known by its mean alone is believed to spread by this share of the mean.
const SPREAD_SHARE: f64 = 0.4;

/// Ways as the instances define them: straight lines in whole minutes, rounded up.
#[derive(Debug, Clone, Copy)]
pub struct MinuteWays {
    /// Speed.
    pub metres_per_minute: f64,
}

impl MinuteWays {
    /// Whole minutes from one point to another.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)]
    pub fn minutes(self, from: Point, to: Point) -> i64 {
        // Coordinates are bounded when they are read.
        ((from.x - to.x).hypot(from.y - to.y) / self.metres_per_minute).ceil() as i64
    }
}

impl Eta for MinuteWays {
    type Place = Point;

    fn travel_s(&self, from: Point, to: Point) -> f64 {
        let (x, y) = (from.x - to.x, from.y - to.y);
        ((x * x + y * y).sqrt() / self.metres_per_minute).ceil() * 60.0
    }

    fn plane_m(&self, place: Point) -> PlanePoint {
        PlanePoint { x_m: place.x, y_m: place.y }
    }

    fn pace_m_per_s(&self) -> f64 {
        self.metres_per_minute / 60.0
    }
}

/// A trip under way or done. Times in minutes.
#[derive(Debug, Clone, PartialEq)]
pub struct Leg {
    /// Index of the courier.
    pub courier: usize,
    /// When they left for the restaurant, which is when they were told.
    pub left: i64,
    /// Where they were then.
    pub from: Point,
    /// The restaurant's index.
    pub restaurant: usize,
    /// Its counter.
    pub counter: Point,
    /// When they took the food, or gave up waiting for it where there are no orders.
    pub picked_up: i64,
    /// Indices of the orders, in the sequence of their drops.
    pub orders: Vec<usize>,
    /// When each was dropped.
    pub dropped: Vec<i64>,
}

/// A courier on the way to a counter, or waiting at it. Times in minutes.
#[derive(Debug, Clone)]
struct Errand {
    courier: usize,
    left: i64,
    from: Point,
    restaurant: usize,
    counter: Point,
    /// When they could have the food in hand, were it ready.
    there: i64,
    orders: Vec<usize>,
}

/// Everything that has happened so far.
pub struct Day<'i> {
    pub(super) instance: &'i Instance,
    pub(super) ways: MinuteWays,
    /// Where each courier is or will be once free.
    pub(super) place: Vec<Point>,
    /// When each courier is free, as far as anybody can know: food that still cooks comes when it is expected.
    pub(super) free: Vec<i64>,
    /// Orders nobody has taken yet.
    pub(super) is_open: Vec<bool>,
    /// Who said no to each order.
    pub(super) refused: Vec<HashSet<usize>>,
    /// Mean preparation of each restaurant in minutes, when that is all there is to know.
    pub(super) means: Option<Vec<f64>>,
    pub(super) legs: Vec<Leg>,
    errands: Vec<Errand>,
    /// Orders that were still cooking when their courier's shift ended, and from when somebody else may have them.
    returns: Vec<(i64, usize)>,
}

impl<'i> Day<'i> {
    /// The day before anything has happened.
    #[must_use]
    pub fn new(instance: &'i Instance, only_means: bool) -> Self {
        Self {
            instance,
            ways: MinuteWays { metres_per_minute: instance.parameters.metres_per_minute },
            place: instance.couriers.iter().map(|courier| courier.start).collect(),
            free: instance.couriers.iter().map(|courier| courier.on).collect(),
            is_open: vec![true; instance.orders.len()],
            refused: vec![HashSet::new(); instance.orders.len()],
            means: only_means.then(|| means(instance)),
            legs: Vec::new(),
            errands: Vec::new(),
            returns: Vec::new(),
        }
    }

    /// Lets a minute begin: food is picked up, orders whose courier has gone home without them are open again.
    pub fn begin(&mut self, now: i64) {
        for errand in std::mem::take(&mut self.errands) {
            if self.picked_up(&errand) <= now { self.leave_counter(&errand) } else { self.errands.push(errand) }
        }
        for index in 0..self.errands.len() {
            self.foresee(index, now);
        }
        for &(_, order) in self.returns.iter().filter(|(from, _)| *from <= now) {
            self.is_open[order] = true;
        }
        self.returns.retain(|(from, _)| *from > now);
    }

    /// A courier said no to orders.
    pub fn refuse(&mut self, courier: usize, orders: &[usize]) {
        for &order in orders {
            self.refused[order].insert(courier);
        }
    }

    /// A courier lets an offer lapse: they and the orders are bound until then.
    pub fn ignore(&mut self, courier: usize, orders: &[usize], until: i64) {
        self.refuse(courier, orders);
        self.free[courier] = self.free[courier].max(until);
        for &order in orders {
            self.is_open[order] = false;
            self.returns.push((until, order));
        }
    }

    /// Nobody else can have this order: whoever refused it may be asked again.
    pub fn forgive(&mut self, order: usize) {
        self.refused[order].clear();
    }

    /// What dispatch may know of the open orders.
    #[must_use]
    pub fn open_orders(&self, now: i64) -> Vec<OpenOrder<Point>> {
        let rows = self.instance.orders.iter().enumerate();
        let open = rows.filter(|(index, row)| self.is_open[*index] && row.placed <= now);
        open.map(|(index, row)| {
            let restaurant = &self.instance.restaurants[row.restaurant];
            let refused = self.refused[index].iter().map(|&courier| self.instance.couriers[courier].driver_id.clone());
            OpenOrder {
                order_id: row.order_id.clone(),
                pickup: restaurant.at,
                dropoff: row.door,
                shared_pickup: Some(restaurant.merchant_id.clone()),
                placed_at: minute(row.placed),
                due_at: minute(row.placed),
                ready: self.ready(index, now),
                needs: Needs::default(),
                refused_by: refused.collect(),
                mine: true,
            }
        })
        .collect()
    }

    /// The couriers who may still pick up something.
    #[must_use]
    pub fn candidates(&self, now: i64) -> Vec<Candidate<Point>> {
        let rows = self.instance.couriers.iter().enumerate();
        let on_shift = rows.filter(|(index, row)| row.off >= now && row.off >= self.free[*index]);
        on_shift
            .map(|(index, row)| Candidate {
                driver_id: row.driver_id.clone(),
                position: self.place[index],
                free_at: minute(self.free[index]),
                off_at: Some(minute(row.off)),
                capacity: CAPACITY,
                vehicle: VehicleKind::Car,
                skills: BTreeSet::new(),
                idle_since: minute(self.free[index]),
                record: Record::default(),
            })
            .collect()
    }

    fn ready(&self, order: usize, now: i64) -> Ready {
        let row = &self.instance.orders[order];
        match &self.means {
            Some(means) if row.ready > now => {
                let mean_s = means[row.restaurant] * 60.0;
                #[allow(clippy::cast_possible_truncation)]
                let at = minute(row.placed) + (mean_s * 1_000.0) as i64;
                Ready { at, spread_s: (mean_s * SPREAD_SHARE).max(60.0) }.still_cooking(minute(now))
            }
            _ => Ready { at: minute(row.ready), spread_s: 0.0 },
        }
    }

    /// Sends a courier out; the rules alone say when they get where.
    pub fn send(&mut self, courier: usize, orders: Vec<usize>, now: i64) {
        let from = self.place[courier];
        let Some(&first) = orders.first() else { return };
        for &order in &orders {
            self.is_open[order] = false;
        }
        let restaurant = self.instance.orders[first].restaurant;
        let counter = self.instance.restaurants[restaurant].at;
        let there = now + self.ways.minutes(from, counter) + self.instance.parameters.pickup_service / 2;
        self.errands.push(Errand { courier, left: now, from, restaurant, counter, there, orders });
        self.foresee(self.errands.len() - 1, now);
    }

    /// What is expected of an errand: nothing that is hidden goes into it.
    fn foresee(&mut self, index: usize, now: i64) {
        let errand = &self.errands[index];
        let ready = errand.orders.iter().map(|&order| minutes_up(self.ready(order, now).at)).fold(now, i64::max);
        let drops = self.drops(errand.counter, ready.max(errand.there), &errand.orders);
        let (courier, service) = (errand.courier, self.instance.parameters.drop_service / 2);
        if let Some(&(at, place)) = drops.last() {
            // Whoever is on an errand is not free now, however short the way.
            self.free[courier] = (at + service).max(now + 1);
            self.place[courier] = place;
        }
    }

    /// When the courier leaves the counter's queue. Whoever waits in vain for one order of a bundle waits until the end of the shift.
    fn picked_up(&self, errand: &Errand) -> i64 {
        let off = self.instance.couriers[errand.courier].off;
        let ready = errand.orders.iter().map(|&order| self.instance.orders[order].ready).max().unwrap_or(off);
        ready.min(off).max(errand.there)
    }

    fn leave_counter(&mut self, errand: &Errand) {
        let picked_up = self.picked_up(errand);
        let all = &self.instance.orders;
        let (orders, late): (Vec<_>, Vec<_>) = errand.orders.iter().partition(|&&order| all[order].ready <= picked_up);
        self.returns.extend(late.into_iter().map(|order| (picked_up, order)));
        let drops = self.drops(errand.counter, picked_up, &orders);
        let service = self.instance.parameters.drop_service / 2;
        let last = drops.last().map(|&(at, place)| (at + service, place));
        (self.free[errand.courier], self.place[errand.courier]) = last.unwrap_or((picked_up, errand.counter));
        let Errand { courier, left, from, restaurant, counter, .. } = *errand;
        let dropped = drops.into_iter().map(|(at, _)| at).collect();
        self.legs.push(Leg { courier, left, from, restaurant, counter, picked_up, orders, dropped });
    }

    /// When and where each order of a trip is dropped.
    fn drops(&self, counter: Point, picked_up: i64, orders: &[usize]) -> Vec<(i64, Point)> {
        let parameters = &self.instance.parameters;
        let (pickup_half, drop_half) = (parameters.pickup_service / 2, parameters.drop_service / 2);
        let (mut at, mut place) = (picked_up + pickup_half, counter);
        let drop = |&order: &usize| {
            let door = self.instance.orders[order].door;
            let dropped = at + self.ways.minutes(place, door) + drop_half;
            (at, place) = (dropped + drop_half, door);
            (dropped, door)
        };
        orders.iter().map(drop).collect()
    }
}

/// The whole minute of the day in which a moment has come.
fn minutes_up(at: Millis) -> i64 {
    at.0.div_euclid(60_000) + i64::from(at.0.rem_euclid(60_000) > 0)
}

/// A minute of the day as the domain's time.
pub(super) fn minute(minute: i64) -> Millis {
    Millis(minute * 60_000)
}

/// Mean preparation of each restaurant in minutes.
#[allow(clippy::cast_precision_loss)]
fn means(instance: &Instance) -> Vec<f64> {
    let mut sums = vec![(0_i64, 0_i64); instance.restaurants.len()];
    for row in &instance.orders {
        sums[row.restaurant].0 += row.ready - row.placed;
        sums[row.restaurant].1 += 1;
    }
    sums.into_iter().map(|(total, count)| total as f64 / count.max(1) as f64).collect()
}
