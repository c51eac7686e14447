//! The desk: every command that changes an order or a driver, as a function. Load, pure transition, compare-and-set, then a hint to the actors.
//!
//! It runs wherever the command arrives and waits on no actor: whoever wins the compare-and-set has done it, everybody else learns why not.

mod offers;
mod place;
mod shift;
mod steps;

pub use offers::accept;
pub use offers::decline;
pub use place::Draft;
pub use place::Placement;
pub use place::place;
pub use place::settle_payment;
pub use shift::shift;
pub use steps::Request;
pub use steps::assign;
pub use steps::take_step;
pub use steps::unassign;

use crate::actors::driver::ReloadDriver;
use crate::actors::mailbox::tell;
use crate::actors::order::OrderCommitted;
use crate::actors::world::World;
use crate::domain::ids::DriverId;
use crate::domain::order::Order;
use crate::domain::order::OrderEvent;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use crate::store::Conflict;
use crate::store::StoreError;
use std::sync::Arc;

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
        }),
        StoreError::NotFound => Problem::new(Code::NotFound),
        StoreError::Busy => Problem::new(Code::Busy),
        StoreError::Aborted(_) | StoreError::MaybeApplied(_) => {
            tracing::error!(%error, "store call failed");
            Problem::new(Code::Unavailable)
        }
    }
}

/// Tells the order's actor, and the drivers concerned, what was committed.
fn publish(world: &Arc<World>, order: Order, events: Vec<OrderEvent>, drivers: &[DriverId]) -> Arc<Order> {
    let order = Arc::new(order);
    match world.order(&order.order_id) {
        Ok(addr) => {
            tell(&addr, OrderCommitted { order: order.clone(), events });
        }
        Err(error) => tracing::warn!(order.id = %order.order_id, %error, "order not published yet"),
    }
    for driver_id in drivers {
        if let Some(driver) = world.directory.driver(driver_id) {
            tell(&driver, ReloadDriver);
        }
    }
    order
}
