//! All drivers' coming trips together: built order by order, then improved by taking a few orders out and putting them back
//! where they cost least (ruin and recreate, Schrimpf et al. 2000), as long as the decision's count of tries lasts.

use super::Eta;
use super::assign::Choice;
use super::assign::assign;
use super::problem::Problem;
use super::route::Gap;
use super::route::Route;

/// A plan for everybody.
pub(super) struct Search<'p, 'a, E: Eta> {
    problem: &'p Problem<'a, E>,
    routes: Vec<Route<E::Place>>,
    /// The driver who has each job.
    carrier: Vec<Option<u32>>,
    tries: usize,
    draw: Draw,
}

/// A fixed sequence of well-mixed numbers (SplitMix64), the same in every decision: variety without chance.
struct Draw(u64);

impl Draw {
    /// The next number below `bound`.
    #[allow(clippy::cast_possible_truncation)]
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as usize % bound.max(1)
    }
}

impl<'p, 'a, E: Eta> Search<'p, 'a, E> {
    /// Nobody has anything to do yet.
    pub(super) fn new(problem: &'p Problem<'a, E>) -> Self {
        let routes = (0_u32..).take(problem.slots.len()).map(|slot| Route::idle(problem, slot)).collect();
        Self { problem, routes, carrier: vec![None; problem.jobs.len()], tries: 0, draw: Draw(0) }
    }

    pub(super) fn routes(&self) -> &[Route<E::Place>] {
        &self.routes
    }

    pub(super) fn carrier(&self) -> &[Option<u32>] {
        &self.carrier
    }

    /// The first plan: the most urgent jobs, one a driver, by optimal assignment; then the rest, in the sequence given, wherever
    /// each costs least. Some may find nobody.
    pub(super) fn build(&mut self, by_urgency: &[u32]) {
        let (first, rest) = by_urgency.split_at(by_urgency.len().min(self.problem.slots.len()));
        let choices: Vec<Vec<Choice>> = first.iter().map(|&job| self.choices(job)).collect();
        let given = assign(&choices, self.problem.slots.len(), self.out_cost());
        for (&job, slot) in first.iter().zip(&given) {
            let Some(slot) = *slot else { continue };
            if let Some(gap) = self.routes[slot as usize].best_gap(self.problem, slot, job, f64::INFINITY) {
                self.put(job, slot, gap);
            }
        }
        for &job in first.iter().chain(rest) {
            if self.carrier[job as usize].is_none() {
                self.insert(job);
            }
        }
    }

    fn choices(&mut self, job: u32) -> Vec<Choice> {
        let near = &self.problem.near[job as usize];
        self.tries += near.len();
        let with_gap = near.iter().filter_map(|&slot| {
            let gap = self.routes[slot as usize].best_gap(self.problem, slot, job, f64::INFINITY)?;
            Some(Choice { column: slot, cost: gap.extra })
        });
        with_gap.collect()
    }

    fn insert(&mut self, job: u32) {
        let mut best: Option<(u32, Gap)> = None;
        let mut limit = self.out_cost();
        for &slot in &self.problem.near[job as usize] {
            self.tries += 1;
            if let Some(gap) = self.routes[slot as usize].best_gap(self.problem, slot, job, limit) {
                limit = gap.extra;
                best = Some((slot, gap));
            }
        }
        if let Some((slot, gap)) = best {
            self.put(job, slot, gap);
        }
    }

    fn put(&mut self, job: u32, slot: u32, gap: Gap) {
        self.routes[slot as usize].insert(self.problem, slot, job, gap);
        self.carrier[job as usize] = Some(slot);
    }

    /// Takes a few related jobs out and puts them back, again and again; what does not help is undone.
    pub(super) fn improve(&mut self) {
        let count = self.problem.jobs.len();
        if count == 0 {
            return;
        }
        let mut saved: Vec<(u32, Route<E::Place>)> = Vec::new();
        let mut carriers: Vec<(u32, Option<u32>)> = Vec::new();
        let limit = self.problem.tuning.search_steps;
        let rounds = limit;
        for _ in 0..rounds {
            if self.tries >= limit {
                break;
            }
            let seed = self.draw.below(count) as u32;
            let removed = self.choose(seed);
            carriers.clear();
            saved.clear();
            self.remember(&removed, &mut saved, &mut carriers);
            let out_before = carriers.iter().filter(|(_, carrier)| carrier.is_none()).count() as f64 * self.out_cost();
            for &(job, carrier) in &carriers {
                if let Some(slot) = carrier {
                    self.routes[slot as usize].remove(self.problem, slot, job);
                    self.carrier[job as usize] = None;
                }
            }
            let mut order = removed;
            for index in (1..order.len()).rev() {
                let other = self.draw.below(index + 1);
                order.swap(index, other);
            }
            let mut delta = 0.0;
            for &job in &order {
                delta += self.reinsert(job, &mut saved);
            }
            let gained: f64 = saved.iter().map(|(slot, route)| route.cost() - self.routes[*slot as usize].cost()).sum();
            if delta - out_before - gained > 1e-6 {
                self.undo(&mut saved, &carriers);
            }
        }
    }

    /// Inserts, saving the route first; returns the penalty paid for staying out (or gained).
    fn reinsert(&mut self, job: u32, saved: &mut Vec<(u32, Route<E::Place>)>) -> f64 {
        let mut best: Option<(u32, Gap)> = None;
        let out = self.out_cost();
        let mut limit = out;
        for &slot in &self.problem.near[job as usize] {
            self.tries += 1;
            if let Some(gap) = self.routes[slot as usize].best_gap(self.problem, slot, job, limit) {
                limit = gap.extra;
                best = Some((slot, gap));
            }
        }
        let Some((slot, gap)) = best else { return out };
        if saved.iter().all(|(other, _)| *other != slot) {
            saved.push((slot, self.routes[slot as usize].clone()));
        }
        self.put(job, slot, gap);
        0.0
    }

    fn out_cost(&self) -> f64 {
        self.problem.tuning.undelivered_s * 2.0
    }

    fn remember(
        &self, removed: &[u32], saved: &mut Vec<(u32, Route<E::Place>)>, carriers: &mut Vec<(u32, Option<u32>)>,
    ) {
        for &job in removed {
            let carrier = self.carrier[job as usize];
            carriers.push((job, carrier));
            if let Some(slot) = carrier {
                if saved.iter().all(|(other, _)| *other != slot) {
                    saved.push((slot, self.routes[slot as usize].clone()));
                }
            }
        }
    }

    fn undo(&mut self, saved: &mut Vec<(u32, Route<E::Place>)>, carriers: &[(u32, Option<u32>)]) {
        for (slot, route) in saved.drain(..) {
            self.routes[slot as usize] = route;
        }
        for &(job, carrier) in carriers {
            self.carrier[job as usize] = carrier;
        }
    }

    /// The seed and a few jobs of the routes that could carry it.
    fn choose(&mut self, seed: u32) -> Vec<u32> {
        let mut chosen = vec![seed];
        let wanted = 2 + self.draw.below(4);
        if let Some(slot) = self.carrier[seed as usize] {
            self.add_from(slot, &mut chosen, wanted);
        }
        let near = &self.problem.near[seed as usize];
        for _ in 0..8 {
            if chosen.len() >= wanted || near.is_empty() {
                break;
            }
            let slot = near[self.draw.below(near.len())];
            self.add_from(slot, &mut chosen, wanted);
        }
        chosen
    }

    fn add_from(&mut self, slot: u32, chosen: &mut Vec<u32>, wanted: usize) {
        let trips = self.routes[slot as usize].trips();
        if trips.is_empty() {
            return;
        }
        let picked = self.draw.below(trips.len());
        let trips = self.routes[slot as usize].trips();
        for &job in trips[picked].jobs() {
            if chosen.len() < wanted && !chosen.contains(&job) {
                chosen.push(job);
            }
        }
    }
}
