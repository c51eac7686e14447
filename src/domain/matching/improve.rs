//! A plan made better: a few related orders are taken out and put back where they cost least, again and again, as long as the
//! decision's count of tries lasts (ruin and recreate, Schrimpf et al. 2000). What does not help is undone.

use super::Eta;
use super::route::Route;
use super::search::Search;

/// Jobs taken out at a time: this many at least, and fewer than this many more.
const RUIN_LEAST: usize = 2;
const RUIN_SPAN: usize = 4;
/// Drivers looked at for jobs to take out beside the first.
const RUIN_DRIVERS: usize = 8;
/// Where orders are few, one place in so many is passed over as an order is put back: the cheapest one now is not always part of
/// the best plan (blinks, Christiaens and Vanden Berghe 2020). Where they are many, the tries are too few for that.
const BLINK: usize = 6;
const BLINK_JOBS: usize = 8;
/// Changes of cost below this are rounding.
const TINY: f64 = 1e-6;

/// Tries worth making for each job; a few orders are soon as well planned as they can be.
const TRIES_PER_JOB: usize = 2_000;

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

/// What a change touched, as it was before.
struct Before<P> {
    routes: Vec<(u32, Route<P>)>,
    carriers: Vec<(u32, Option<u32>)>,
}

impl<P: Copy> Before<P> {
    fn keep(&mut self, slot: u32, route: &Route<P>) {
        if self.routes.iter().all(|(kept, _)| *kept != slot) {
            self.routes.push((slot, route.clone()));
        }
    }
}

/// Improves until the count of tries is used up.
pub(super) fn improve<E: Eta>(search: &mut Search<'_, '_, E>) {
    let jobs = search.problem.jobs.len();
    let mut draw = Draw(0);
    let mut before = Before { routes: Vec::new(), carriers: Vec::new() };
    // One order went where it costs least at once.
    if jobs < 2 {
        return;
    }
    let most = search.problem.tuning.search_steps.min(jobs * TRIES_PER_JOB);
    // Each round tries at least one driver, unless none is near any job.
    for _ in 0..most {
        if search.tries >= most {
            return;
        }
        let mut chosen = choose(search, &mut draw);
        for index in (1..chosen.len()).rev() {
            chosen.swap(index, draw.below(index + 1));
        }
        if rebuild(search, &chosen, &mut before, &mut draw) > TINY {
            for (slot, route) in before.routes.drain(..) {
                search.routes[slot as usize] = route;
            }
            for &(job, carrier) in &before.carriers {
                search.carrier[job as usize] = carrier;
            }
        }
    }
}

/// Takes the jobs out and puts each back where it costs least then. The change in cost.
fn rebuild<E: Eta>(
    search: &mut Search<'_, '_, E>,
    chosen: &[u32],
    before: &mut Before<E::Place>,
    draw: &mut Draw,
) -> f64 {
    let out_cost = search.problem.out_cost();
    let few = search.problem.jobs.len() <= BLINK_JOBS;
    before.routes.clear();
    before.carriers.clear();
    let mut change = 0.0;
    for &job in chosen {
        let carrier = search.carrier[job as usize];
        before.carriers.push((job, carrier));
        match carrier {
            Some(slot) => before.keep(slot, &search.routes[slot as usize]),
            None => change -= out_cost,
        }
    }
    for &job in chosen {
        search.take_out(job);
    }
    for &job in chosen {
        match search.cheapest(job, &mut || few && draw.below(BLINK) == 0) {
            Some((slot, gap)) => {
                before.keep(slot, &search.routes[slot as usize]);
                search.put(job, slot, gap);
            }
            None => change += out_cost,
        }
    }
    let changed = before.routes.iter();
    change + changed.map(|(slot, route)| search.routes[*slot as usize].cost() - route.cost()).sum::<f64>()
}

/// A job, some of the trip it is on, and some of trips of drivers who could have it.
#[allow(clippy::cast_possible_truncation)]
fn choose<E: Eta>(search: &Search<'_, '_, E>, draw: &mut Draw) -> Vec<u32> {
    // Indices of jobs are `u32` from the start.
    let seed = draw.below(search.problem.jobs.len()) as u32;
    let wanted = RUIN_LEAST + draw.below(RUIN_SPAN);
    let mut chosen = vec![seed];
    let near = &search.problem.near[seed as usize];
    let mut slot = search.carrier[seed as usize];
    for _ in 0..=RUIN_DRIVERS {
        if chosen.len() >= wanted || near.is_empty() {
            break;
        }
        if let Some(slot) = slot {
            let trips = search.routes[slot as usize].trips();
            let picked = trips.get(draw.below(trips.len()));
            for &job in picked.map_or(&[][..], |trip| trip.jobs()) {
                if chosen.len() < wanted && !chosen.contains(&job) {
                    chosen.push(job);
                }
            }
        }
        slot = Some(near[draw.below(near.len())]);
    }
    chosen
}
