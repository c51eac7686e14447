//! All drivers' coming trips together: who carries what, first by optimal assignment, then wherever an order costs least.

use super::Eta;
use super::assign::Choice;
use super::assign::assign;
use super::problem::Problem;
use super::route::Gap;
use super::route::Route;

/// Orders that go through the optimal assignment; later ones queue up behind them, where it has no say.
const ASSIGNED_MAX: usize = 160;
/// Drivers tried for one order even when there are so many orders that the count of tries would not do for all.
const WIDTH_LEAST: usize = 12;

/// A plan for everybody.
pub(super) struct Search<'p, 'a, E: Eta> {
    pub(super) problem: &'p Problem<'a, E>,
    pub(super) routes: Vec<Route<E::Place>>,
    /// The driver who has each job.
    pub(super) carrier: Vec<Option<u32>>,
    /// Pairs of a job and a driver tried so far: what [`super::Tuning::search_steps`] bounds.
    pub(super) tries: usize,
    /// Drivers tried for one order.
    width: usize,
}

impl<'p, 'a, E: Eta> Search<'p, 'a, E> {
    /// Nobody has anything to do yet.
    pub(super) fn new(problem: &'p Problem<'a, E>) -> Self {
        let each = problem.tuning.search_steps / problem.jobs.len().max(1) / 2;
        let width = each.clamp(WIDTH_LEAST, problem.tuning.candidates_max.max(WIDTH_LEAST));
        let routes = (0_u32..).take(problem.slots.len()).map(|slot| Route::idle(problem, slot)).collect();
        Self { problem, routes, carrier: vec![None; problem.jobs.len()], tries: 0, width }
    }

    /// The first plan: the most urgent jobs, one a driver, by optimal assignment; then the rest, in the sequence given, wherever
    /// each costs least. Some may find nobody.
    pub(super) fn build(&mut self, by_urgency: &[u32]) {
        let most = self.problem.slots.len().min(ASSIGNED_MAX);
        let (first, rest) = by_urgency.split_at(by_urgency.len().min(most));
        let choices: Vec<Vec<Choice>> = first.iter().map(|&job| self.choices(job)).collect();
        let given = assign(&choices, self.problem.slots.len(), self.problem.out_cost());
        for (&job, slot) in first.iter().zip(&given) {
            let Some(slot) = *slot else { continue };
            if let Some(gap) = self.routes[slot as usize].best_gap(self.problem, (slot, job), f64::INFINITY, &mut never)
            {
                self.put(job, slot, gap);
            }
        }
        for &job in first.iter().chain(rest) {
            if self.carrier[job as usize].is_none()
                && let Some((slot, gap)) = self.cheapest(job, &mut never)
            {
                self.put(job, slot, gap);
            }
        }
    }

    /// What the job would cost each of the drivers weighed for it, who have nothing to do yet.
    fn choices(&mut self, job: u32) -> Vec<Choice> {
        let near = &self.problem.near[job as usize];
        self.tries += near.len();
        let with_gap = near.iter().filter_map(|&slot| {
            let gap = self.routes[slot as usize].best_gap(self.problem, (slot, job), f64::INFINITY, &mut never)?;
            Some(Choice { column: slot, cost: gap.extra })
        });
        let mut choices: Vec<Choice> = with_gap.collect();
        choices.sort_unstable_by(|a, b| a.cost.total_cmp(&b.cost).then(a.column.cmp(&b.column)));
        choices
    }

    /// Where the job costs least, if that is less than leaving it out. Places at which `skips` answers yes are passed over.
    pub(super) fn cheapest(&mut self, job: u32, skips: &mut impl FnMut() -> bool) -> Option<(u32, Gap)> {
        let mut best = None;
        let mut limit = self.problem.out_cost();
        for &slot in self.problem.near[job as usize].iter().take(self.width) {
            self.tries += 1;
            if let Some(gap) = self.routes[slot as usize].best_gap(self.problem, (slot, job), limit, skips) {
                limit = gap.extra;
                best = Some((slot, gap));
            }
        }
        best
    }

    pub(super) fn put(&mut self, job: u32, slot: u32, gap: Gap) {
        self.routes[slot as usize].insert(self.problem, slot, job, gap);
        self.carrier[job as usize] = Some(slot);
    }

    pub(super) fn take_out(&mut self, job: u32) {
        if let Some(slot) = self.carrier[job as usize].take() {
            self.routes[slot as usize].remove(self.problem, slot, job);
        }
    }
}

/// Passes over no place.
fn never() -> bool {
    false
}
