//! Matching, pure: which driver is asked to carry which orders now, and which orders better wait.
//!
//! [`decide`] sees all open orders and all drivers who are free now or soon, and plans every driver's coming trips jointly. Only
//! trips that must leave now are offered; the rest is planned afresh next time, when more is known. Nothing here reads a
//! clock or draws a number: the same view gives the same plan.

mod nearest;
mod plan;
mod tuning;
mod view;

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
    nearest(view, eta, tuning)
}
