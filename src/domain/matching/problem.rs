//! The view in plain numbers: orders and drivers by index, times in seconds from now, and what a trip takes and costs.

use super::Candidate;
use super::Eta;
use super::OpenOrder;
use super::Tuning;
use super::View;
use crate::domain::time::Millis;

/// Most orders one trip can hold, whatever a driver's capacity.
pub(super) const TRIP_ORDERS_MAX: usize = 6;

/// An order in numbers. Times are seconds from now.
pub(super) struct Job<P> {
    pub(super) pickup: P,
    pub(super) drop: P,
    pub(super) placed_s: f64,
    pub(super) due_s: f64,
    pub(super) ready_s: f64,
    pub(super) spread_s: f64,
    /// When a driver should stand at the counter: as the food is ready, or somewhat before an uncertain time.
    pub(super) aim_s: f64,
    /// Nobody whose shift ends before this takes it: food that is late must not keep them.
    pub(super) safe_s: f64,
    /// From the pickup to the door.
    pub(super) ride_s: f64,
    /// Orders of one group may share a trip.
    pub(super) group: u32,
}

/// A driver in numbers.
pub(super) struct Slot<P> {
    pub(super) start: Moment<P>,
    pub(super) off_s: f64,
    pub(super) capacity: usize,
    /// What is added to each order they carry, for their record.
    pub(super) record_s: f64,
    /// What is taken off the first trip, for having waited.
    pub(super) patience_s: f64,
}

/// A driver at a time and a place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment<P> {
    pub(super) at_s: f64,
    pub(super) place: P,
}

/// Orders that share one pickup, in the sequence of their drops.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Trip {
    jobs: [u32; TRIP_ORDERS_MAX],
    count: usize,
}

impl Trip {
    pub(super) fn of(job: u32) -> Self {
        let mut jobs = [0; TRIP_ORDERS_MAX];
        jobs[0] = job;
        Self { jobs, count: 1 }
    }

    pub(super) fn jobs(&self) -> &[u32] {
        &self.jobs[..self.count]
    }

    /// The trip with one more order, dropped before the one that was at `place`. The caller knows that there is room.
    pub(super) fn with(&self, job: u32, place: usize) -> Self {
        let mut longer = *self;
        longer.jobs.copy_within(place..self.count, place + 1);
        longer.jobs[place] = job;
        longer.count += 1;
        longer
    }

    /// The trip without this order; `None` when nothing is left.
    pub(super) fn without(&self, job: u32) -> Option<Self> {
        let place = self.jobs().iter().position(|&other| other == job)?;
        let mut shorter = *self;
        shorter.jobs.copy_within(place + 1..self.count, place);
        shorter.count -= 1;
        (shorter.count > 0).then_some(shorter)
    }
}

/// When a trip gets where, in seconds from now.
pub(super) struct Times {
    pub(super) pickup_s: f64,
    pub(super) leave_by_s: f64,
    pub(super) doors_s: [f64; TRIP_ORDERS_MAX],
}

/// One decision's numbers.
pub(super) struct Problem<'a, E: Eta> {
    pub(super) jobs: Vec<Job<E::Place>>,
    pub(super) slots: Vec<Slot<E::Place>>,
    /// For each job the slots weighed, best first.
    pub(super) near: Vec<Vec<u32>>,
    pub(super) tuning: &'a Tuning,
    eta: &'a E,
}

#[allow(clippy::cast_precision_loss)]
pub(super) fn seconds(from: Millis, to: Millis) -> f64 {
    to.since(from) as f64 / 1_000.0
}

impl<'a, E: Eta> Problem<'a, E> {
    pub(super) fn new(view: &View<'_, E::Place>, eta: &'a E, tuning: &'a Tuning) -> Self {
        let groups = super::groups::of_orders(view.orders, eta, tuning);
        let jobs = view.orders.iter().zip(groups);
        let jobs: Vec<_> = jobs.map(|(order, group)| job(view.now, order, group, eta, tuning)).collect();
        let drivers = view.drivers.iter().zip(super::near::patience_s(view, tuning));
        let slots: Vec<_> = drivers.map(|(driver, patience_s)| slot(view.now, driver, patience_s, tuning)).collect();
        let near = super::near::of_orders(view, eta, tuning);
        Self { jobs, slots, near, tuning, eta }
    }

    /// Drives one trip from where and when the driver is. `None`: the pickup would come after the end of the shift.
    pub(super) fn drive(&self, from: Moment<E::Place>, trip: &Trip, slot: u32) -> Option<(Moment<E::Place>, f64)> {
        let slot = &self.slots[slot as usize];
        let tuning = self.tuning;
        let first = &self.jobs[trip.jobs[0] as usize];
        let way_s = self.eta.travel_s(from.place, first.pickup);
        let there_s = (from.at_s + way_s + tuning.pickup_half_s).max(self.aim_s(trip));
        let mut pickup_s = there_s;
        for &job in trip.jobs() {
            if self.jobs[job as usize].safe_s > slot.off_s {
                return None;
            }
            pickup_s = self.pickup_of(job, pickup_s);
        }
        if pickup_s > slot.off_s {
            return None;
        }
        let mut at_s = pickup_s + tuning.pickup_half_s;
        let mut place = first.pickup;
        let mut cost = 0.0;
        for (index, &job) in trip.jobs().iter().enumerate() {
            let job = &self.jobs[job as usize];
            at_s += if index == 0 { job.ride_s } else { self.eta.travel_s(place, job.drop) } + tuning.drop_half_s;
            let click_to_door_s = at_s - job.placed_s;
            cost += click_to_door_s + tuning.late_weight * (click_to_door_s - tuning.target_s).max(0.0) + slot.record_s;
            at_s += tuning.drop_half_s;
            place = job.drop;
        }
        Some((Moment { at_s, place }, cost))
    }

    /// Metres between two places, as the crow flies.
    pub(super) fn distance_m(&self, a: E::Place, b: E::Place) -> f64 {
        self.eta.plane_m(a).distance_m(self.eta.plane_m(b))
    }

    /// What an order costs that nobody carries: more than any delivery worth making.
    pub(super) fn out_cost(&self) -> f64 {
        self.tuning.undelivered_s * 2.0
    }

    /// When each part of a trip is expected.
    pub(super) fn times(&self, from: Moment<E::Place>, trip: &Trip) -> Times {
        let tuning = self.tuning;
        let first = &self.jobs[trip.jobs[0] as usize];
        let way_s = self.eta.travel_s(from.place, first.pickup);
        let there_s = (from.at_s + way_s + tuning.pickup_half_s).max(self.aim_s(trip));
        let pickup_s = trip.jobs().iter().fold(there_s, |at_s, &job| self.pickup_of(job, at_s));
        let aim_s = self.aim_s(trip);
        let mut doors_s = [0.0; TRIP_ORDERS_MAX];
        let mut at_s = pickup_s + tuning.pickup_half_s;
        let mut place = first.pickup;
        for (door_s, &job) in doors_s.iter_mut().zip(trip.jobs()) {
            let job = &self.jobs[job as usize];
            at_s += self.eta.travel_s(place, job.drop) + tuning.drop_half_s;
            *door_s = at_s;
            at_s += tuning.drop_half_s;
            place = job.drop;
        }
        Times { pickup_s, leave_by_s: aim_s - way_s - tuning.pickup_half_s, doors_s }
    }

    /// When a driver should stand at the counter for all orders of a trip.
    fn aim_s(&self, trip: &Trip) -> f64 {
        trip.jobs().iter().map(|&job| self.jobs[job as usize].aim_s).fold(f64::MIN, f64::max)
    }

    /// When a driver who stands at the counter at `at_s` is expected to get the order.
    fn pickup_of(&self, job: u32, at_s: f64) -> f64 {
        let job = &self.jobs[job as usize];
        if job.spread_s > 0.0 {
            at_s + super::ready::wait_s(job.ready_s - at_s, job.spread_s)
        } else {
            at_s.max(job.ready_s)
        }
    }
}

fn job<E: Eta>(now: Millis, order: &OpenOrder<E::Place>, group: u32, eta: &E, tuning: &Tuning) -> Job<E::Place> {
    let (ready_s, spread_s) = (seconds(now, order.ready.at), order.ready.spread_s);
    Job {
        pickup: order.pickup,
        drop: order.dropoff,
        placed_s: seconds(now, order.placed_at),
        due_s: seconds(now, order.due_at),
        ready_s,
        spread_s,
        aim_s: ready_s - tuning.early_spreads * spread_s,
        safe_s: if spread_s > 0.0 { ready_s + tuning.off_spreads * spread_s } else { f64::NEG_INFINITY },
        ride_s: eta.travel_s(order.pickup, order.dropoff),
        group,
    }
}

fn slot<P: Copy>(now: Millis, driver: &Candidate<P>, patience_s: f64, tuning: &Tuning) -> Slot<P> {
    let lost = (2.0 - driver.record.acceptance.clamp(0.0, 1.0) - driver.record.on_time.clamp(0.0, 1.0)) / 2.0;
    Slot {
        start: Moment { at_s: seconds(now, driver.free_at).max(0.0), place: driver.position },
        off_s: driver.off_at.map_or(f64::INFINITY, |off_at| seconds(now, off_at)),
        capacity: driver.capacity.clamp(1, TRIP_ORDERS_MAX),
        record_s: tuning.record_s * lost,
        patience_s,
    }
}
