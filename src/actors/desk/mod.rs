//! The desk: every command that changes an order or a driver, as a function. Load, pure transition, compare-and-set, then a hint to the actors.
//!
//! It runs wherever the command arrives and waits on no actor: whoever wins the compare-and-set has done it, everybody else learns why not.

mod hand;
mod measure;
mod offers;
mod place;
mod profile;
mod revoke;
mod run;
mod shift;
mod steps;

pub use hand::assign;
pub use hand::purge;
pub use hand::replay;
pub use hand::unassign;
pub use offers::accept;
pub use offers::decline;
pub use offers::lapse;
pub use place::Draft;
pub use place::Placement;
pub use place::place;
pub use place::settle_payment;
pub use profile::Profiled;
pub use profile::save_profile;
pub use revoke::Revoking;
pub use revoke::revoke;
pub use shift::shift;
pub use shift::shift_by_hand;
pub use steps::Request;
pub use steps::lose;
pub use steps::park;
pub use steps::release;
pub use steps::take_step;

use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use crate::store::Conflict;
use crate::store::StoreError;

/// Tries at a compare-and-set that somebody else keeps winning.
const TRIES: u32 = 8;

/// Runs a command to its end even when whoever asked has gone meanwhile: a socket that closes or a request that is dropped between the commit and
/// the hints would leave the actors with what was before it.
async fn to_its_end<T: 'static>(command: impl Future<Output = Result<T, Problem>> + 'static) -> Result<T, Problem> {
    match actix::spawn(command).await {
        Ok(outcome) => outcome,
        Err(error) => {
            tracing::error!(%error, "a command did not come to its end");
            Err(Problem::new(Code::Internal))
        }
    }
}

/// The refusal a client gets for a store call that failed. What the log needs is written here.
#[must_use]
pub fn store_problem(error: &StoreError) -> Problem {
    match error {
        StoreError::Conflict(conflict) => Problem::new(match conflict {
            Conflict::OrderChanged | Conflict::DriverChanged => Code::Conflict,
            Conflict::DriverBusy => Code::DriverBusy,
            Conflict::DriverUnavailable => Code::DriverUnavailable,
            Conflict::DriverUnknown => Code::UnknownDriver,
            Conflict::OfferClosed => Code::OfferClosed,
            Conflict::OrderOffered => Code::Conflict,
        }),
        StoreError::NotFound => Problem::new(Code::NotFound),
        StoreError::Busy => Problem::new(Code::Busy),
        // Not logged: the calls that found no answer were.
        StoreError::Away { retry_after_s } => Problem::new(Code::Unavailable).retry_after(*retry_after_s),
        StoreError::Aborted(_) | StoreError::MaybeApplied(_) => {
            tracing::error!(%error, "store call failed");
            Problem::new(Code::Unavailable)
        }
    }
}
