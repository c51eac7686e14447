//! A driver's answer to an offer, or its want of one.

use super::run::About;
use super::run::Failure;
use super::run::run;
use super::store_problem;
use super::to_its_end;
use crate::actors::driver::EndOffer;
use crate::actors::mailbox::tell;
use crate::actors::world::World;
use crate::clock;
use crate::domain::dispatch::Offer;
use crate::domain::dispatch::OfferOutcome;
use crate::domain::dispatch::Refusal;
use crate::domain::ids::DriverId;
use crate::domain::ids::OfferId;
use crate::domain::ids::OrderId;
use crate::domain::order::Order;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use crate::store::Conflict;
use crate::store::StoreError;
use crate::store::StoreResult;
use std::sync::Arc;

/// Takes the offered orders, all of them. Saying yes twice is one yes. Answers with the order named, or the first.
pub async fn accept(
    world: &Arc<World>,
    driver_id: &DriverId,
    offer_id: &OfferId,
    order_id: Option<&OrderId>,
) -> Result<Arc<Order>, Problem> {
    let (world, driver_id, offer_id, order_id) =
        (world.clone(), driver_id.clone(), offer_id.clone(), order_id.cloned());
    to_its_end(async move { say_yes(&world, &driver_id, &offer_id, order_id.as_ref()).await }).await
}

async fn say_yes(
    world: &Arc<World>,
    driver_id: &DriverId,
    offer_id: &OfferId,
    order_id: Option<&OrderId>,
) -> Result<Arc<Order>, Problem> {
    let offer = own_offer(world, driver_id, offer_id, order_id).await?;
    let named = order_id.or(offer.order_ids.first()).cloned().ok_or_else(|| Problem::new(Code::NotFound))?;
    if offer.outcome == Some(OfferOutcome::Accepted) {
        return fetch(world, named).await;
    }
    let about = About { order_ids: offer.order_ids.clone(), driver_id: Some(driver_id.clone()) };
    let done = run(world, &about, |command, loaded| {
        let driver = loaded.driver.as_ref().ok_or(Refusal::OfferClosed)?;
        command.accept(&offer, &loaded.orders, driver)
    });
    match done.await {
        Ok(orders) => {
            let order = orders.into_iter().find(|order| order.order_id == named);
            order.ok_or_else(|| Problem::new(Code::Internal))
        }
        Err(Failure::Refused(..) | Failure::Store(StoreError::Conflict(Conflict::OfferClosed))) => {
            // Closed by now: a second yes may have met the first one in the store. Or too late, while one in time is still on its way there: the
            // offer lapses first, so that what the store says in the end is the answer to both.
            let said = own_offer(world, driver_id, offer_id, order_id).await?;
            let ended = refuse(world, said.clone(), OfferOutcome::Expired).await;
            let ended = ended.map_err(|error| store_problem(&error))?;
            if ended == OfferOutcome::Accepted {
                return fetch(world, named).await;
            }
            tell_ended(world, &said, ended);
            Err(Problem::new(Code::OfferClosed))
        }
        Err(failure) => Err(failure.problem(|_, _| Problem::new(Code::OfferClosed))),
    }
}

/// Turns the offered orders down. Saying no twice is one no.
pub async fn decline(
    world: &Arc<World>,
    driver_id: &DriverId,
    offer_id: &OfferId,
    order_id: Option<&OrderId>,
) -> Result<(), Problem> {
    let (world, driver_id, offer_id, order_id) =
        (world.clone(), driver_id.clone(), offer_id.clone(), order_id.cloned());
    to_its_end(async move { say_no(&world, &driver_id, &offer_id, order_id.as_ref()).await }).await
}

async fn say_no(
    world: &Arc<World>,
    driver_id: &DriverId,
    offer_id: &OfferId,
    order_id: Option<&OrderId>,
) -> Result<(), Problem> {
    let offer = own_offer(world, driver_id, offer_id, order_id).await?;
    match refuse(world, offer, OfferOutcome::Declined).await {
        Ok(OfferOutcome::Declined) => Ok(()),
        Ok(_) => Err(Problem::new(Code::OfferClosed)),
        Err(error) => Err(store_problem(&error)),
    }
}

/// Lets an offer lapse that nobody has answered, or finds out how it ended.
pub async fn lapse(world: &Arc<World>, offer: Offer) -> StoreResult<OfferOutcome> {
    refuse(world, offer, OfferOutcome::Expired).await
}

/// Closes an offer that was not taken; how it ended, if somebody was first.
async fn refuse(world: &Arc<World>, offer: Offer, outcome: OfferOutcome) -> StoreResult<OfferOutcome> {
    if let Some(ended) = offer.outcome {
        return Ok(ended);
    }
    let about = About { order_ids: offer.order_ids.clone(), driver_id: None };
    match run(world, &about, |command, loaded| command.refuse(&offer, &loaded.orders, outcome)).await {
        Ok(_) => Ok(outcome),
        Err(Failure::Refused(..) | Failure::NotFound | Failure::Store(StoreError::Conflict(_))) => {
            let said = world.store.orders.offer_fetch(offer.offer_id.clone()).await?;
            match said.map(|offer| offer.outcome) {
                Some(Some(ended)) => Ok(ended),
                None => Ok(OfferOutcome::Withdrawn),
                // Open, though its orders have gone on: nobody can take it any more.
                Some(None) => {
                    world.store.orders.offer_withdraw(offer.offer_id, clock::now()).await?;
                    Ok(OfferOutcome::Withdrawn)
                }
            }
        }
        Err(Failure::Restless) => Err(StoreError::Aborted("the offered orders keep changing".to_owned())),
        Err(Failure::Store(error)) => Err(error),
    }
}

fn tell_ended(world: &Arc<World>, offer: &Offer, outcome: OfferOutcome) {
    if let Ok(driver) = world.driver(&offer.driver_id) {
        tell(&driver, EndOffer { offer_id: offer.offer_id.clone(), order_ids: offer.order_ids.clone(), outcome });
    }
}

/// The offer, if it was made to this driver (and, where one is named, for this order).
async fn own_offer(
    world: &Arc<World>,
    driver_id: &DriverId,
    offer_id: &OfferId,
    order_id: Option<&OrderId>,
) -> Result<Offer, Problem> {
    let found = world.store.orders.offer_fetch(offer_id.clone()).await.map_err(|error| store_problem(&error))?;
    let offer = found.ok_or_else(|| Problem::new(Code::NotFound))?;
    // An offer to another driver is answered like one that does not exist.
    if offer.driver_id != *driver_id || order_id.is_some_and(|order_id| !offer.order_ids.contains(order_id)) {
        return Err(Problem::new(Code::NotFound));
    }
    Ok(offer)
}

async fn fetch(world: &Arc<World>, order_id: OrderId) -> Result<Arc<Order>, Problem> {
    let found = world.store.orders.order_fetch(order_id).await.map_err(|error| store_problem(&error))?;
    found.map(Arc::new).ok_or_else(|| Problem::new(Code::NotFound))
}
