//! An operator's hand in an order.

use super::run::About;
use super::run::run;
use super::steps::one;
use super::store_problem;
use super::to_its_end;
use crate::actors::world::World;
use crate::clock;
use crate::domain::dispatch::Cause;
use crate::domain::dispatch::Command;
use crate::domain::dispatch::Commit;
use crate::domain::dispatch::Refusal;
use crate::domain::ids::DeadLetterId;
use crate::domain::ids::DriverId;
use crate::domain::ids::OrderId;
use crate::domain::order::By;
use crate::domain::order::Order;
use crate::domain::order::Refused;
use crate::domain::order::Step;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use std::sync::Arc;

const NO_ORDER: Refusal = Refusal::Step(Refused::Illegal);

/// Gives an order to a driver at once, without an offer; one that another driver has not picked up yet is taken from them.
pub async fn assign(
    world: &Arc<World>,
    order_id: OrderId,
    driver_id: DriverId,
    operator: String,
) -> Result<Arc<Order>, Problem> {
    let world = world.clone();
    to_its_end(async move {
        let by = By::Operator(operator);
        let about = About { order_ids: vec![order_id], driver_id: Some(driver_id.clone()) };
        let done = run(&world, &about, |command, loaded| {
            let order = loaded.orders.first().ok_or(NO_ORDER)?;
            command.assign(order, loaded.driver.as_ref().ok_or(NO_ORDER)?, &by)
        });
        // Only its event's name is used, in the words of a refusal.
        let step = Step::Assign { driver_id, assignment_id: clock::assignment_id() };
        one(done.await, &step, &by)
    })
    .await
}

/// Takes the driver off an order that has not been picked up.
pub async fn unassign(world: &Arc<World>, order_id: OrderId, operator: String) -> Result<Arc<Order>, Problem> {
    by_hand(world, order_id, operator, Step::Release, |command, order, by| {
        command.release(std::slice::from_ref(order), Cause::Unassigned, by)
    })
    .await
}

/// Takes up a dead letter: its order looks for a driver again.
pub async fn replay(world: &Arc<World>, letter: &DeadLetterId, operator: String) -> Result<Arc<Order>, Problem> {
    let order_id = order_of(world, letter).await?;
    by_hand(world, order_id, operator, Step::Retry, |command, order, by| command.retry(order, by)).await
}

/// Gives up the order of a dead letter for good.
pub async fn purge(world: &Arc<World>, letter: &DeadLetterId, operator: String) -> Result<Arc<Order>, Problem> {
    let order_id = order_of(world, letter).await?;
    by_hand(world, order_id, operator, Step::Fail, |command, order, by| command.purge(order, by)).await
}

async fn by_hand(
    world: &Arc<World>,
    order_id: OrderId,
    operator: String,
    step: Step,
    decide: impl Fn(&mut Command<'_>, &Order, &By) -> Result<Commit, Refusal> + 'static,
) -> Result<Arc<Order>, Problem> {
    let world = world.clone();
    to_its_end(async move {
        let by = By::Operator(operator);
        let about = About::order(order_id);
        let done = run(&world, &about, |command, loaded| decide(command, loaded.orders.first().ok_or(NO_ORDER)?, &by));
        one(done.await, &step, &by)
    })
    .await
}

async fn order_of(world: &World, letter: &DeadLetterId) -> Result<OrderId, Problem> {
    let found = world.store.feed.dead_letter_fetch(letter.clone()).await.map_err(|error| store_problem(&error))?;
    found.and_then(|letter| letter.order_id).ok_or_else(|| Problem::new(Code::NotFound))
}
