//! A driver's answer to an offer.

use super::steps::Request;
use super::steps::commit_step;
use super::store_problem;
use super::to_its_end;
use crate::actors::driver::EndOffer;
use crate::actors::mailbox::tell;
use crate::actors::world::World;
use crate::clock;
use crate::domain::ids::DriverId;
use crate::domain::ids::OfferId;
use crate::domain::ids::OrderId;
use crate::domain::order::By;
use crate::domain::order::Order;
use crate::domain::order::Step;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use crate::store::Offer;
use crate::store::OfferChange;
use crate::store::OfferOutcome;
use std::sync::Arc;

/// Takes the offered order. Saying yes twice is one yes.
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
    if offer.outcome == Some(OfferOutcome::Accepted) {
        return fetch(world, offer.order_id).await;
    }
    let step = Step::Assign { driver_id: driver_id.clone(), assignment_id: clock::assignment_id() };
    let request = Request::new(offer.order_id.clone(), step, By::System);
    let change = OfferChange { offer_id: offer_id.clone(), outcome: OfferOutcome::Accepted, at: clock::now() };
    match commit_step(world, request, Some(change)).await {
        // The order went another way in the meantime: for the driver that is a closed offer.
        Err(problem) if problem.code == Code::IllegalTransition => {
            let said = own_offer(world, driver_id, offer_id, order_id).await?;
            if said.outcome == Some(OfferOutcome::Accepted) {
                return fetch(world, said.order_id).await;
            }
            tell_ended(world, &said, said.outcome.unwrap_or(OfferOutcome::Withdrawn));
            Err(Problem::new(Code::OfferClosed))
        }
        Err(problem) if problem.code == Code::OfferClosed => {
            // A second yes may have met the first one in the store.
            let said = own_offer(world, driver_id, offer_id, order_id).await?;
            if said.outcome == Some(OfferOutcome::Accepted) { fetch(world, said.order_id).await } else { Err(problem) }
        }
        answer => answer,
    }
}

/// Turns the offered order down. Saying no twice is one no.
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
    match offer.outcome {
        Some(OfferOutcome::Declined) => return Ok(()),
        Some(_) => return Err(Problem::new(Code::OfferClosed)),
        None => {}
    }
    let change = OfferChange { offer_id: offer_id.clone(), outcome: OfferOutcome::Declined, at: clock::now() };
    let closed = world.store.orders.offer_close(change).await.map_err(|error| store_problem(&error))?;
    if !closed {
        return Err(Problem::new(Code::OfferClosed));
    }
    tell_ended(world, &offer, OfferOutcome::Declined);
    Ok(())
}

fn tell_ended(world: &Arc<World>, offer: &Offer, outcome: OfferOutcome) {
    if let Ok(driver) = world.driver(&offer.driver_id) {
        tell(&driver, EndOffer { offer_id: offer.offer_id.clone(), order_id: offer.order_id.clone(), outcome });
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
    if offer.driver_id != *driver_id || order_id.is_some_and(|order_id| *order_id != offer.order_id) {
        return Err(Problem::new(Code::NotFound));
    }
    Ok(offer)
}

async fn fetch(world: &Arc<World>, order_id: OrderId) -> Result<Arc<Order>, Problem> {
    let found = world.store.orders.order_fetch(order_id).await.map_err(|error| store_problem(&error))?;
    found.map(Arc::new).ok_or_else(|| Problem::new(Code::NotFound))
}
