//! Steps of an order.

use crate::desk::run::About;
use crate::desk::run::Failure;
use crate::desk::run::one;
use crate::protocol::Reply;
use crate::sim::Here;
use crate::switches::Switch;
use beeline::domain::dispatch::Cause;
use beeline::domain::dispatch::Commit;
use beeline::domain::dispatch::Refusal;
use beeline::domain::ids::DriverId;
use beeline::domain::ids::OrderId;
use beeline::domain::order::By;
use beeline::domain::order::Order;
use beeline::domain::order::Refused;
use beeline::domain::order::Status;
use beeline::domain::order::Step;

const NO_ORDER: Refusal = Refusal::Step(Refused::Illegal);

impl Here {
    /// Takes a step, or answers as if it had just been taken when it was taken before.
    pub async fn take_step(&self, order_id: &OrderId, step: &Step, by: &By) -> Reply {
        let done = self.run(About::order(order_id), |command, loaded| {
            let mut commit = command.step(loaded.orders.first().ok_or(NO_ORDER)?, step, by, None)?;
            if self.is_broken(Switch::SkippedSteps) && *step == Step::ArriveAtPickup {
                skip_arriving(&mut commit);
            }
            Ok(commit)
        });
        one(done.await)
    }

    /// Nothing is heard of a driver any more.
    pub async fn lose(&self, driver_id: &DriverId, order_ids: Vec<OrderId>) {
        for order_id in order_ids {
            if !self.release(driver_id, &order_id, Cause::DriverLost).await {
                self.alerts.borrow_mut().push(order_id);
            }
        }
    }

    /// Takes a driver off an order that is not picked up. `false` when they have the goods already.
    pub async fn release(&self, driver_id: &DriverId, order_id: &OrderId, cause: Cause) -> bool {
        let done = self.run(About::order(order_id), |command, loaded| {
            let carries = |order: &&Order| order.driver_id.as_ref() == Some(driver_id);
            let order = loaded.orders.first().filter(carries).ok_or(Refusal::Step(Refused::NotYours))?;
            command.release(std::slice::from_ref(order), cause, &By::System)
        });
        match done.await {
            Err(Failure::Refused(Refusal::Step(Refused::Illegal), orders)) => {
                !orders.first().is_some_and(|order| order.status.is_active())
            }
            _ => true,
        }
    }

    /// Gives up looking for a driver, until a person has seen to it.
    pub async fn park(&self, order_id: &OrderId, tries: u32) {
        // One that fails is given up again by a later tick.
        drop(
            self.run(About::order(order_id), |command, loaded| {
                command.park(loaded.orders.first().ok_or(NO_ORDER)?, "no_driver", tries)
            })
            .await,
        );
    }
}

/// What the step table never allows.
fn skip_arriving(commit: &mut Commit) {
    for change in &mut commit.changes {
        change.order.status = Status::PickedUp;
        for event in &mut change.events {
            event.status = Status::PickedUp;
            "picked_up".clone_into(&mut event.event);
        }
    }
}
