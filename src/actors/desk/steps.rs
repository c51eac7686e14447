//! Steps of an order.

use super::run::About;
use super::run::Failure;
use super::run::run;
use super::to_its_end;
use crate::actors::board::Alert;
use crate::actors::world::World;
use crate::domain::dispatch::Cause;
use crate::domain::dispatch::Refusal;
use crate::domain::ids::DriverId;
use crate::domain::ids::OrderId;
use crate::domain::order::By;
use crate::domain::order::Order;
use crate::domain::order::Refused;
use crate::domain::order::Step;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use std::sync::Arc;

/// A step somebody asks for.
pub struct Request {
    /// Which order.
    pub order_id: OrderId,
    /// The step.
    pub step: Step,
    /// Who asks.
    pub by: By,
    /// Why.
    pub reason: Option<String>,
    /// The version it was decided on, where the asker cares.
    pub version: Option<i64>,
}

impl Request {
    /// A step without a reason or a version.
    #[must_use]
    pub fn new(order_id: OrderId, step: Step, by: By) -> Self {
        Self { order_id, step, by, reason: None, version: None }
    }
}

/// Takes a step, or answers as if it had just been taken when it was taken before.
pub async fn take_step(world: &Arc<World>, request: Request) -> Result<Arc<Order>, Problem> {
    let world = world.clone();
    to_its_end(async move { commit_step(&world, &request).await }).await
}

async fn commit_step(world: &Arc<World>, request: &Request) -> Result<Arc<Order>, Problem> {
    let about = About::order(request.order_id.clone());
    let done = run(world, &about, |command, loaded| {
        let order = loaded.orders.first().ok_or(Refusal::Step(Refused::Illegal))?;
        let commit = command.step(order, &request.step, &request.by, request.reason.clone())?;
        if request.version.is_some_and(|version| version != order.version) {
            return Err(Refusal::Outdated);
        }
        Ok(commit)
    });
    one(done.await, &request.step, &request.by)
}

/// The one order of a command, or what its asker is told.
pub(super) fn one(done: Result<Vec<Arc<Order>>, Failure>, step: &Step, by: &By) -> Result<Arc<Order>, Problem> {
    match done {
        Ok(orders) => orders.into_iter().next().ok_or_else(|| Problem::new(Code::Internal)),
        Err(Failure::Refused(Refusal::Step(Refused::AlreadyTaken), orders)) => {
            orders.into_iter().next().map(Arc::new).ok_or_else(|| Problem::new(Code::Internal))
        }
        Err(failure) => Err(failure.problem(|refusal, orders| match (refusal, orders.first()) {
            (Refusal::Outdated, Some(order)) => {
                Problem::new(Code::Conflict).detail(format!("The order is at version {} by now.", order.version))
            }
            (Refusal::Step(Refused::Illegal), Some(order)) => illegal(order, step, by),
            // A driver who is not the order's learns no more than of an order that does not exist.
            _ => Problem::new(Code::NotFound),
        })),
    }
}

fn illegal(order: &Order, step: &Step, by: &By) -> Problem {
    let detail = format!(
        "An order that is {} (version {}) cannot become {} by a {}.",
        order.status.as_str(),
        order.version,
        step.event(),
        by.role()
    );
    Problem::new(Code::IllegalTransition).detail(detail)
}

/// Nothing is heard of a driver any more: orders that are not picked up look for another, the others are an operator's to see to.
pub async fn lose(world: &Arc<World>, driver_id: &DriverId, order_ids: Vec<OrderId>) {
    for order_id in order_ids {
        if release(world, driver_id, &order_id, Cause::DriverLost).await {
            continue;
        }
        tracing::warn!(order.id = %order_id, driver.id = %driver_id, "nothing is heard of the driver who carries this order");
        world.alert(Alert {
            code: "driver_lost",
            order_id: Some(order_id),
            driver_id: Some(driver_id.clone()),
            detail: "Nothing is heard of the driver who carries this order.",
        });
    }
}

/// Takes a driver off an order that is not picked up, because they are lost or make no progress. `false` when they have the goods already.
pub async fn release(world: &Arc<World>, driver_id: &DriverId, order_id: &OrderId, cause: Cause) -> bool {
    let about = About::order(order_id.clone());
    let done = run(world, &about, |command, loaded| {
        let carries = |order: &&Order| order.driver_id.as_ref() == Some(driver_id);
        let order = loaded.orders.first().filter(carries).ok_or(Refusal::Step(Refused::NotYours))?;
        command.release(std::slice::from_ref(order), cause, &By::System)
    });
    match done.await {
        Ok(_) => {
            tracing::info!(order.id = %order_id, driver.id = %driver_id, cause = cause.as_str(), "driver taken off an order");
            true
        }
        // Ended, or another driver's by now: nothing to see to.
        Err(Failure::Refused(Refusal::Step(Refused::Illegal), orders)) => {
            !orders.first().is_some_and(|order| order.status.is_active())
        }
        Err(Failure::Refused(..)) => true,
        Err(failure) => {
            tracing::warn!(order.id = %order_id, driver.id = %driver_id, ?failure, "driver not taken off an order");
            true
        }
    }
}

/// Gives up looking for a driver, until a person has seen to it.
pub async fn park(world: &Arc<World>, order_id: OrderId, tries: u32) {
    let about = About::order(order_id);
    let done = run(world, &about, |command, loaded| {
        let order = loaded.orders.first().ok_or(Refusal::Step(Refused::Illegal))?;
        command.park(order, "no_driver", tries)
    });
    match done.await {
        Ok(orders) => {
            for order in orders {
                tracing::warn!(order.id = %order.order_id, tries, "no driver found: the order waits as a dead letter");
                world.alert(Alert {
                    code: "dead_letter",
                    order_id: Some(order.order_id.clone()),
                    driver_id: None,
                    detail: "No driver was found: the order waits as a dead letter.",
                });
            }
        }
        Err(Failure::Refused(..)) => {}
        Err(failure) => tracing::warn!(?failure, "order not parked"),
    }
}
