//! The coming trips of one driver, with everything remembered that makes trying a change cheap.

use super::Eta;
use super::problem::Moment;
use super::problem::Problem;
use super::problem::Trip;

/// Trips in the sequence they are driven.
#[derive(Clone)]
pub(super) struct Route<P> {
    trips: Vec<Trip>,
    /// Before each trip and after the last: where and when the driver is, and what all came to so far.
    heads: Vec<Head<P>>,
}

#[derive(Clone, Copy)]
struct Head<P> {
    moment: Moment<P>,
    cost: f64,
}

/// A place for one more order in a route.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Gap {
    /// The trip it comes before, or joins.
    trip: usize,
    /// Joins the trip at this place in the sequence of drops; `None`: a trip of its own.
    join: Option<usize>,
    /// What the route costs more with it.
    pub(super) extra: f64,
}

impl<P: Copy> Route<P> {
    /// Nothing to do.
    pub(super) fn idle<E: Eta<Place = P>>(problem: &Problem<'_, E>, slot: u32) -> Self {
        let moment = problem.slots[slot as usize].start;
        Self { trips: Vec::new(), heads: vec![Head { moment, cost: 0.0 }] }
    }

    pub(super) fn trips(&self) -> &[Trip] {
        &self.trips
    }

    pub(super) fn cost(&self) -> f64 {
        self.heads.last().map_or(0.0, |head| head.cost)
    }

    /// The cheapest place for a job, if it costs less than `limit`. Places at which `skips` answers yes are passed over.
    pub(super) fn best_gap<E: Eta<Place = P>>(
        &self,
        problem: &Problem<'_, E>,
        (slot, job): (u32, u32),
        limit: f64,
        skips: &mut impl FnMut() -> bool,
    ) -> Option<Gap> {
        let mut best: Option<Gap> = None;
        let mut limit = limit;
        let group = problem.jobs[job as usize].group;
        let capacity = problem.slots[slot as usize].capacity;
        for trip in (0..=self.trips.len()).rev() {
            let mut consider = |join: Option<usize>, changed: &Trip| {
                if skips() {
                    return;
                }
                let rest = if join.is_some() { trip + 1 } else { trip };
                if let Some(extra) = self.extra(problem, slot, (trip, rest), changed, limit) {
                    limit = extra;
                    best = Some(Gap { trip, join, extra });
                }
            };
            consider(None, &Trip::of(job));
            let Some(present) = self.trips.get(trip) else { continue };
            if present.jobs().len() < capacity && problem.jobs[present.jobs()[0] as usize].group == group {
                for place in 0..=present.jobs().len() {
                    consider(Some(place), &present.with(job, place));
                }
            }
        }
        best
    }

    /// What it costs more to drive `changed` instead of the trips of `span`, if it is possible and below the limit.
    fn extra<E: Eta<Place = P>>(
        &self,
        problem: &Problem<'_, E>,
        slot: u32,
        span: (usize, usize),
        changed: &Trip,
        limit: f64,
    ) -> Option<f64> {
        let bound = self.cost() + limit;
        let head = self.heads[span.0];
        let (mut moment, cost) = drive_first(problem, slot, span.0, head.moment, changed)?;
        let mut total = head.cost + cost;
        for trip in &self.trips[span.1..] {
            if total >= bound {
                return None;
            }
            let (next, cost) = problem.drive(moment, trip, slot)?;
            moment = next;
            total += cost;
        }
        (total < bound).then_some(total - self.cost())
    }

    /// Puts a job into a place found by [`Self::best_gap`] since the last change.
    pub(super) fn insert<E: Eta<Place = P>>(&mut self, problem: &Problem<'_, E>, slot: u32, job: u32, gap: Gap) {
        match gap.join {
            Some(place) => self.trips[gap.trip] = self.trips[gap.trip].with(job, place),
            None => self.trips.insert(gap.trip, Trip::of(job)),
        }
        self.refresh(problem, slot, gap.trip);
    }

    /// Takes a job out.
    pub(super) fn remove<E: Eta<Place = P>>(&mut self, problem: &Problem<'_, E>, slot: u32, job: u32) {
        let Some(index) = self.trips.iter().position(|trip| trip.jobs().contains(&job)) else { return };
        match self.trips[index].without(job) {
            Some(shorter) => self.trips[index] = shorter,
            None => drop(self.trips.remove(index)),
        }
        self.refresh(problem, slot, index);
    }

    /// Drives all trips from this one on anew. A route only ever gets cheaper and earlier by taking something out, and gaps are
    /// tried before they are filled, so every trip is known to be possible.
    fn refresh<E: Eta<Place = P>>(&mut self, problem: &Problem<'_, E>, slot: u32, from: usize) {
        self.heads.truncate(from + 1);
        for index in from..self.trips.len() {
            let head = self.heads[index];
            let driven = drive_first(problem, slot, index, head.moment, &self.trips[index]);
            let (moment, cost) = driven.unwrap_or((head.moment, problem.tuning.undelivered_s));
            self.heads.push(Head { moment, cost: head.cost + cost });
        }
    }
}

/// Drives a trip; the first of a route is cheaper for who has waited longer.
fn drive_first<E: Eta>(
    problem: &Problem<'_, E>,
    slot: u32,
    index: usize,
    from: Moment<E::Place>,
    trip: &Trip,
) -> Option<(Moment<E::Place>, f64)> {
    let (moment, cost) = problem.drive(from, trip, slot)?;
    let patience = if index == 0 { problem.slots[slot as usize].patience_s } else { 0.0 };
    Some((moment, cost - patience))
}
