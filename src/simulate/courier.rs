//! One simulated driver without the network: where they are, what they carry, where they go next and which step they want to take.
//!
//! Time comes in as Unix milliseconds. What the server says is the truth: jobs change only by its answers and events, and after a
//! reconnect the list it gives replaces what was believed.

use super::city::City;
use super::dice::Dice;
use super::motion::Motion;
use super::noise::Receiver;
use super::plan::DriverPlan;
use super::plane::LatLng;
use super::plane::Point;
use super::wire::Fix;
use super::wire::Order;
use super::wire::OrderEvent;
use super::wire::Status;
use std::sync::Arc;
use std::time::Duration;

/// Longest time a tick may catch up on; a laptop that slept does not make drivers leap.
const CATCH_UP_MAX_S: f64 = 30.0;
/// A driver who has waited this long takes the goods whatever the kitchen said: its message may have been lost with its sender.
const PATIENCE_MS: i64 = 12 * 60 * 1_000;
/// Share of a vehicle's top speed that is left of it in the streets.
const STREET_SHARE: f64 = 0.5;
/// Nobody hurries faster than this: the server takes what is faster for an error of the device.
const HURRY_MAX_MPS: f64 = 55.0;
/// Idle drivers look for company within this of a restaurant.
const ROAM_RADIUS_M: f64 = 1_500.0;
/// Charge a phone loses per hour.
const DRAIN_PER_HOUR: f64 = 0.11;
const MS_PER_S: f64 = 1_000.0;

/// An order being carried out.
#[derive(Debug, Clone, PartialEq)]
struct Job {
    order_id: String,
    status: Status,
    version: i64,
    pickup: Point,
    dropoff: Point,
    ready: bool,
    adopted_at_ms: i64,
    /// When the stop at which the driver stands was reached, and how long handing over takes from then, or from readiness, on.
    stopped_at_ms: Option<i64>,
    handover_ms: i64,
}

/// A step that a driver wants to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) order_id: String,
    pub(crate) status: Status,
}

/// What a word from the server about an order means for the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing, or taken note of.
    Noted,
    /// It is the driver's, but where it goes is not known: ask.
    Unknown,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Courier {
    city: Arc<City>,
    driver_id: String,
    dice: Dice,
    motion: Motion,
    receiver: Receiver,
    jobs: Vec<Job>,
    goal: Option<Point>,
    idle_until_ms: i64,
    ticked_at_ms: i64,
    measured_at_ms: i64,
    battery: f64,
    trip_ms: Option<i64>,
    carried_m: f64,
}

impl Courier {
    /// A driver standing at home.
    pub(crate) fn new(city: Arc<City>, plan: &DriverPlan, seed: u64, now_ms: i64) -> Self {
        let mut dice = Dice::new(seed, &plan.id);
        let receiver = Receiver::new(&mut dice);
        let idle_until_ms = now_ms + seconds_ms(dice.between(1.0..60.0));
        Self {
            city,
            driver_id: plan.id.clone(),
            motion: Motion::standing(plan.vehicle, plan.home),
            dice,
            receiver,
            jobs: Vec::new(),
            goal: None,
            idle_until_ms,
            ticked_at_ms: now_ms,
            measured_at_ms: now_ms,
            battery: plan.battery,
            trip_ms: None,
            carried_m: 0.0,
        }
    }

    /// Hands over at once, but for the door: there the driver stands until so long after taking the order.
    pub(crate) fn with_trip(mut self, trip: Option<Duration>) -> Self {
        self.trip_ms = trip.map(|trip| i64::try_from(trip.as_millis()).unwrap_or(i64::MAX));
        self
    }

    /// Starts where the server last saw the driver, as long as nothing was driven yet: a new run does not teleport anyone.
    pub(crate) fn start_at(&mut self, seen: LatLng) {
        let node = self.city.streets.nearest(seen.into());
        self.motion = Motion::standing(self.motion.vehicle(), self.city.streets.at(node));
    }

    pub(crate) fn vehicle_name(&self) -> &'static str {
        self.motion.vehicle().name
    }

    pub(crate) fn is_busy(&self) -> bool {
        !self.jobs.is_empty()
    }

    /// How a person answers an offer: after 1 to 4 seconds, and with a no at this probability.
    pub(crate) fn considers_offer(&mut self, declines: f64) -> Answer {
        Answer { after_ms: seconds_ms(self.dice.between(1.0..4.0)), accept: !self.dice.chance(declines) }
    }

    /// The server's list of active orders replaces the driver's own; what the driver has measured at a stop is kept.
    pub(crate) fn resume(&mut self, active: &[Order]) {
        self.jobs.retain(|job| active.iter().any(|order| order.order_id == job.order_id));
        for order in active {
            self.adopt(order);
        }
    }

    /// Takes over an order as the server describes it.
    pub(crate) fn adopt(&mut self, order: &Order) {
        let mine = order.driver_id.as_ref().is_none_or(|id| *id == self.driver_id);
        if !mine || !order.status.is_active() {
            self.drop_job(&order.order_id);
            return;
        }
        if let Some(job) = self.jobs.iter_mut().find(|job| job.order_id == order.order_id) {
            job.ready |= order.is_ready();
            job.move_to(order.status, order.version);
            return;
        }
        self.jobs.push(Job {
            order_id: order.order_id.clone(),
            status: order.status,
            version: order.version,
            pickup: order.pickup.into(),
            dropoff: order.dropoff.into(),
            ready: order.is_ready(),
            adopted_at_ms: self.ticked_at_ms,
            stopped_at_ms: None,
            handover_ms: seconds_ms(self.dice.between(8.0..30.0)),
        });
    }

    /// The server says that something happened to an order.
    pub(crate) fn order_changed(&mut self, event: &OrderEvent) -> Effect {
        if let Some(order) = &event.order {
            self.adopt(order);
            return Effect::Noted;
        }
        let mine = event.driver_id.as_ref().is_none_or(|id| *id == self.driver_id);
        if !mine || !event.status.is_active() {
            self.drop_job(&event.order_id);
            return Effect::Noted;
        }
        match self.jobs.iter_mut().find(|job| job.order_id == event.order_id) {
            Some(job) => {
                job.move_to(event.status, event.seq);
                Effect::Noted
            }
            None => Effect::Unknown,
        }
    }

    /// The server took a step that the driver asked for.
    pub(crate) fn step_taken(&mut self, step: &Step) {
        if step.status.is_final() {
            self.drop_job(&step.order_id);
        } else if let Some(job) = self.jobs.iter_mut().find(|job| job.order_id == step.order_id)
            && rank(step.status) > rank(job.status)
        {
            job.set(step.status);
        }
    }

    /// Whether the driver stands at a counter and does not know that the goods are ready.
    pub(crate) fn waits_for(&self) -> Option<&str> {
        let job = self.current()?;
        (job.status == Status::AtPickup && !job.ready).then_some(job.order_id.as_str())
    }

    /// Lives on until `now_ms`; answers the step to be taken, again and again until it is.
    pub(crate) fn tick(&mut self, now_ms: i64) -> Option<Step> {
        let seconds = since_s(now_ms, self.ticked_at_ms).min(CATCH_UP_MAX_S);
        self.ticked_at_ms = now_ms;
        self.battery = (self.battery - seconds / 3_600.0 * DRAIN_PER_HOUR).max(0.01);
        self.choose_goal(now_ms);
        let before_m = self.motion.odometer_m();
        self.motion.advance(seconds * self.haste(now_ms), &mut self.dice);
        if self.is_busy() {
            self.carried_m += self.motion.odometer_m() - before_m;
        }
        let arrived = self.motion.arrived();
        if !self.is_busy() {
            if arrived && self.goal.take().is_some() {
                self.idle_until_ms = now_ms + seconds_ms(self.dice.between(45.0..240.0));
            }
            return None;
        }
        if arrived { self.at_stop(now_ms) } else { None }
    }

    /// Whole metres driven with an order since last asked.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub(crate) fn take_carried_m(&mut self) -> u64 {
        let whole = self.carried_m.floor().max(0.0);
        self.carried_m -= whole;
        whole as u64
    }

    /// Measures where the driver is. The same number is never used twice.
    pub(crate) fn fix(&mut self, seq: i64, now_ms: i64) -> Fix {
        let seconds = since_s(now_ms, self.measured_at_ms).max(0.0);
        self.measured_at_ms = now_ms;
        let measured = self.receiver.measure(self.motion.at(), seconds, &mut self.dice);
        let speed = (self.motion.speed_mps() + 0.15 * self.dice.normal()).max(0.0);
        // A phone that stands has no course.
        let heading = (speed > 0.7).then(|| (self.motion.heading_deg() + 2.5 * self.dice.normal()).rem_euclid(360.0));
        Fix {
            seq,
            at: measured.at.into(),
            speed: hundredths(speed),
            heading: heading.map(tenths).map(|deg| if deg >= 360.0 { 0.0 } else { deg }),
            accuracy: tenths(measured.accuracy_m),
            timestamp: now_ms,
            order_id: self.current().map(|job| job.order_id.clone()),
            battery: hundredths(self.battery),
        }
    }

    /// By how much the driver is faster than the streets allow, where an order must be carried within a given time: half of it is for the
    /// way to the pickup.
    fn haste(&self, now_ms: i64) -> f64 {
        let (Some(trip_ms), Some(job)) = (self.trip_ms, self.current()) else { return 1.0 };
        let until_ms = job.adopted_at_ms + if job.before_pickup() { trip_ms / 2 } else { trip_ms };
        let top_mps = self.motion.vehicle().pace.top_mps;
        let usual_s = self.motion.left_m() / (top_mps * STREET_SHARE);
        (usual_s / since_s(until_ms, now_ms).max(1.0)).clamp(1.0, HURRY_MAX_MPS / top_mps)
    }

    /// What to do next: collect everything first, then deliver in turn.
    fn current(&self) -> Option<&Job> {
        self.jobs.iter().find(|job| job.before_pickup()).or_else(|| self.jobs.first())
    }

    fn choose_goal(&mut self, now_ms: i64) {
        let wanted = match self.current() {
            Some(job) => Some(job.goal()),
            None if self.goal.is_none() && now_ms >= self.idle_until_ms => self.somewhere_to_wait(),
            None => self.goal,
        };
        if let Some(to) = wanted.filter(|to| self.goal != Some(*to)) {
            let streets = &self.city.streets;
            let (from, to_node) = (streets.nearest(self.motion.next_corner()), streets.nearest(to));
            let way = streets.route(from, to_node, self.motion.vehicle().pace);
            self.motion.follow(way);
        }
        self.goal = wanted;
    }

    fn somewhere_to_wait(&mut self) -> Option<Point> {
        let here = self.motion.at();
        let near =
            self.city.restaurants.iter().map(|one| one.place.at).filter(|at| at.distance_m(here) < ROAM_RADIUS_M);
        let near: Vec<Point> = near.collect();
        let centre = self.dice.pick(&near).copied().unwrap_or(here);
        let corner = self.city.corner_near(centre, 150.0, &mut self.dice);
        Some(self.city.streets.at(corner))
    }

    fn at_stop(&mut self, now_ms: i64) -> Option<Step> {
        let order_id = self.current()?.order_id.clone();
        let job = self.jobs.iter_mut().find(|job| job.order_id == order_id)?;
        let stopped_at_ms = *job.stopped_at_ms.get_or_insert(now_ms);
        let handed_over = match self.trip_ms {
            None => now_ms - stopped_at_ms >= job.handover_ms,
            Some(trip_ms) => job.before_pickup() || now_ms - job.adopted_at_ms >= trip_ms,
        };
        let status = match job.status {
            Status::Assigned => Status::AtPickup,
            Status::AtPickup if !job.ready && now_ms - stopped_at_ms < PATIENCE_MS => return None,
            Status::AtPickup if handed_over => Status::PickedUp,
            Status::PickedUp => Status::AtDropoff,
            Status::AtDropoff if handed_over => Status::Delivered,
            _ => return None,
        };
        Some(Step { order_id, status })
    }

    fn drop_job(&mut self, order_id: &str) {
        self.jobs.retain(|job| job.order_id != order_id);
        if self.jobs.is_empty() {
            self.idle_until_ms = self.ticked_at_ms + seconds_ms(self.dice.between(5.0..60.0));
        }
    }
}

/// How a driver answers an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) after_ms: i64,
    pub(crate) accept: bool,
}

impl Job {
    fn before_pickup(&self) -> bool {
        rank(self.status) < rank(Status::PickedUp)
    }

    fn goal(&self) -> Point {
        if self.before_pickup() { self.pickup } else { self.dropoff }
    }

    /// The server's newer word; an older one changes nothing.
    fn move_to(&mut self, status: Status, version: i64) {
        if version > self.version {
            self.version = version;
            self.set(status);
        }
    }

    fn set(&mut self, status: Status) {
        let was_before_pickup = self.before_pickup();
        self.status = status;
        if was_before_pickup != self.before_pickup() {
            self.stopped_at_ms = None;
        }
    }
}

fn rank(status: Status) -> u8 {
    match status {
        Status::AtPickup => 1,
        Status::PickedUp => 2,
        Status::AtDropoff => 3,
        Status::Delivered | Status::Cancelled | Status::Failed => 4,
        _ => 0,
    }
}

#[allow(clippy::cast_possible_truncation)]
fn seconds_ms(seconds: f64) -> i64 {
    (seconds * MS_PER_S) as i64
}

#[allow(clippy::cast_precision_loss)]
fn since_s(now_ms: i64, then_ms: i64) -> f64 {
    (now_ms - then_ms) as f64 / MS_PER_S
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
