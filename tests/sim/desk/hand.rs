//! An operator's hand in an order.

use crate::desk::run::About;
use crate::desk::run::one;
use crate::protocol::Problem;
use crate::protocol::Reply;
use crate::sim::Here;
use beeline::domain::dispatch::Cause;
use beeline::domain::dispatch::Command;
use beeline::domain::dispatch::Commit;
use beeline::domain::dispatch::Refusal;
use beeline::domain::ids::DeadLetterId;
use beeline::domain::ids::DriverId;
use beeline::domain::ids::OrderId;
use beeline::domain::order::By;
use beeline::domain::order::Order;
use beeline::domain::order::Refused;

const NO_ORDER: Refusal = Refusal::Step(Refused::Illegal);

/// The operator of every run.
pub fn operator() -> By {
    By::Operator("operator:op".to_owned())
}

impl Here {
    pub async fn assign(&self, order_id: &OrderId, driver_id: &DriverId) -> Reply {
        let about = About { order_ids: vec![order_id.clone()], driver_id: Some(driver_id.clone()) };
        let done = self.run(about, |command, loaded| {
            let order = loaded.orders.first().ok_or(NO_ORDER)?;
            command.assign(order, loaded.driver.as_ref().ok_or(NO_ORDER)?, &operator())
        });
        one(done.await)
    }

    pub async fn unassign(&self, order_id: &OrderId) -> Reply {
        self.by_hand(order_id, |command, order, by| command.release(std::slice::from_ref(order), Cause::Unassigned, by))
            .await
    }

    pub async fn replay(&self, letter: &DeadLetterId) -> Reply {
        match self.order_of(letter).await {
            Ok(order_id) => self.by_hand(&order_id, |command, order, by| command.retry(order, by)).await,
            Err(problem) => Reply::Refused(problem),
        }
    }

    pub async fn purge(&self, letter: &DeadLetterId) -> Reply {
        match self.order_of(letter).await {
            Ok(order_id) => self.by_hand(&order_id, |command, order, by| command.purge(order, by)).await,
            Err(problem) => Reply::Refused(problem),
        }
    }

    async fn by_hand(
        &self,
        order_id: &OrderId,
        decide: impl Fn(&mut Command<'_>, &Order, &By) -> Result<Commit, Refusal>,
    ) -> Reply {
        let by = operator();
        let done = self.run(About::order(order_id), |command, loaded| {
            decide(command, loaded.orders.first().ok_or(NO_ORDER)?, &by)
        });
        one(done.await)
    }

    async fn order_of(&self, letter: &DeadLetterId) -> Result<OrderId, Problem> {
        let found =
            self.read(|store| store.letters.get(letter).cloned()).await.map_err(|error| Problem::from(&error))?;
        found.and_then(|letter| letter.order_id).ok_or(Problem::NotFound)
    }
}
