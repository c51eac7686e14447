//! Matching, pure: which driver is asked to carry which orders now, and which orders better wait.
//!
//! [`decide`] sees all open orders and all drivers who are free now or soon, and plans every driver's coming trips jointly. Only
//! trips that must leave now are offered; the rest is planned afresh next time, when more is known. Nothing here reads a
//! clock or draws a number: the same view gives the same plan.

mod assign;
mod commit;
mod gather;
mod groups;
mod improve;
mod near;
mod nearest;
mod plan;
mod problem;
mod ready;
mod route;
mod search;
mod tuning;
mod view;

use problem::Problem;
use search::Search;

pub use gather::CellView;
pub use gather::FIRST_RADIUS_M;
pub use gather::Surroundings;
pub use gather::widened_m;
pub use nearest::nearest;
pub use plan::Pairing;
pub use plan::Plan;
pub use plan::Wait;
pub use plan::WaitReason;
pub use tuning::Tuning;
pub use view::Candidate;
pub use view::Eta;
pub use view::OpenOrder;
pub use view::PlanePoint;
pub use view::Ready;
pub use view::Record;
pub use view::View;

/// Policy `optimal`: the offers to make now, and why every other own order waits.
#[must_use]
pub fn decide<E: Eta>(view: &View<'_, E::Place>, eta: &E, tuning: &Tuning) -> Plan {
    let problem = Problem::new(view, eta, tuning);
    let mut search = Search::new(&problem);
    let mut by_urgency: Vec<u32> = (0_u32..).take(view.orders.len()).collect();
    by_urgency.sort_by(|&a, &b| problem.jobs[a as usize].ready_s.total_cmp(&problem.jobs[b as usize].ready_s));
    search.build(&by_urgency);
    improve::improve(&mut search);
    commit::plan(view, &problem, &search)
}
