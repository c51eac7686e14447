//! How a driver actor holds one offer at a time: reserve, store, show, and let go at its deadline.
//!
//! The reservation is a courtesy between cells; that nobody wins twice is the store's doing.

use super::DriverActor;
use super::EndOffer;
use super::MakeOffer;
use super::messages::ShowOffer;
use crate::actors::cell::OfferEnded;
use crate::actors::desk;
use crate::actors::mailbox::tell;
use crate::actors::world::World;
use crate::clock;
use crate::domain::dispatch::Offer;
use crate::domain::dispatch::OfferOutcome;
use crate::domain::driver::DriverStatus;
use crate::domain::driver::Shift;
use crate::domain::eta;
use crate::domain::ids::OfferId;
use crate::domain::ids::OrderId;
use crate::protocol::outbound::OfferClosed;
use crate::protocol::outbound::OfferOut;
use crate::protocol::outbound::encode;
use crate::protocol::time::to_rfc3339;
use crate::store::StoreError;
use crate::store::StoreResult;
use actix::AsyncContext;
use actix::Context;
use actix::Handler;
use actix::ResponseActFuture;
use actix::fut::ActorFutureExt;
use actix::fut::wrap_future;
use std::sync::Arc;
use std::time::Duration;

/// An accept sent in the last moment may still be under way in the store when the deadline comes.
const GRACE_MS: i64 = 250;
/// Pause before an offer that could not be closed is tried again.
const CONCLUDE_RETRY: Duration = Duration::from_secs(1);

impl DriverActor {
    /// Takes over the open offer the store knows, and watches its deadline. One that is there no more is told as closed, one that this driver
    /// cannot take any more is taken back.
    pub(super) fn adopt_offer(&mut self, stored: Option<Offer>, ctx: &mut Context<Self>) {
        let known = self.work.offer.take();
        let is_new = known.as_ref().map(|offer| &offer.offer_id) != stored.as_ref().map(|offer| &offer.offer_id);
        if let Some(gone) = known.filter(|_| is_new) {
            self.conclude(gone, OfferOutcome::Expired, ctx);
        }
        let Some(offer) = stored else { return };
        if self.driver.shift != Shift::Available || self.work.assignment.is_some() {
            self.conclude(offer, OfferOutcome::Withdrawn, ctx);
            return;
        }
        self.work.offer = Some(offer);
        if is_new {
            self.watch_deadline(ctx);
            self.resend_offer();
        }
    }

    /// Shows a driver who has just connected the offer that waits for them.
    pub(super) fn resend_offer(&self) {
        if self.link.is_none() {
            return;
        }
        let (Some(offer), Some(fix)) = (self.work.offer.clone(), self.live.clone()) else { return };
        let (world, driver_id) = (self.world.clone(), self.driver_id.clone());
        actix::spawn(async move {
            let Ok(orders) = world.store.orders.orders_fetch(offer.order_ids).await else { return };
            let Some(first) = orders.first() else { return };
            let Ok(addr) = world.driver(&driver_id) else { return };
            let offer_id = offer.offer_id.clone();
            let pickup_eta_s = eta::travel_whole_s(fix.position, first.pickup.position);
            let frame = encode(&OfferOut {
                offer_id: offer.offer_id,
                orders: orders.iter().map(Into::into).collect(),
                expires_at: to_rfc3339(offer.expires_at),
                pickup_eta_s,
            });
            tell(&addr, ShowOffer { offer_id, frame });
        });
    }

    fn watch_deadline(&self, ctx: &mut Context<Self>) {
        let Some(offer) = &self.work.offer else { return };
        let offer_id = offer.offer_id.clone();
        let wait_ms = u64::try_from(offer.expires_at.since(clock::now()) + GRACE_MS).unwrap_or(0);
        ctx.run_later(Duration::from_millis(wait_ms), move |actor, ctx| actor.lapse(&offer_id, ctx));
    }

    /// The deadline has come: close the offer in the store, unless an answer was first.
    fn lapse(&mut self, offer_id: &OfferId, ctx: &mut Context<Self>) {
        if let Some(offer) = self.work.offer.clone().filter(|offer| offer.offer_id == *offer_id) {
            self.conclude(offer, OfferOutcome::Expired, ctx);
        }
    }

    /// Closes an offer in the store, or finds out how it was closed, and tells everybody; tries until it is known.
    fn conclude(&mut self, offer: Offer, outcome: OfferOutcome, ctx: &mut Context<Self>) {
        if self.concluding.contains(&offer.offer_id) {
            return;
        }
        self.concluding.push(offer.offer_id.clone());
        let work = close(self.world.clone(), offer.clone(), outcome);
        let done = wrap_future::<_, Self>(work).map(move |ended, actor, ctx| match ended {
            // Unless somebody has told the end meanwhile.
            Ok(ended) if actor.concluding.contains(&offer.offer_id) => {
                actor.end_offer(&offer.offer_id, &offer.order_ids, ended);
                if ended == OfferOutcome::Accepted {
                    actor.reload(ctx);
                }
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "offer not closed");
                ctx.run_later(CONCLUDE_RETRY, move |actor, ctx| {
                    let is_open = actor.concluding.contains(&offer.offer_id);
                    actor.concluding.retain(|offer_id| *offer_id != offer.offer_id);
                    if is_open {
                        actor.conclude(offer, outcome, ctx);
                    }
                });
            }
        });
        ctx.spawn(done);
    }

    /// An offer is over: the driver is told if they knew of it, the order in any case.
    fn end_offer(&mut self, offer_id: &OfferId, order_ids: &[OrderId], outcome: OfferOutcome) {
        let was_open = self.work.offer.take_if(|offer| offer.offer_id == *offer_id).is_some();
        let was_ending = self.concluding.contains(offer_id);
        self.concluding.retain(|other| other != offer_id);
        if was_open || was_ending {
            self.outdate_reload();
            self.settling |= outcome == OfferOutcome::Accepted;
            self.send(encode(&OfferClosed { offer_id, reason: outcome.as_str() }));
            self.show_status();
        }
        if outcome == OfferOutcome::Accepted {
            return;
        }
        for order_id in order_ids {
            let Ok(order) = self.world.order(order_id) else { continue };
            let (order_id, offer_id) = (order_id.clone(), offer_id.clone());
            tell(&order, OfferEnded { order_id, offer_id, driver_id: self.driver_id.clone(), outcome });
        }
    }
}

/// Closes an offer; what it was closed with, if somebody was first.
async fn close(world: Arc<World>, offer: Offer, outcome: OfferOutcome) -> StoreResult<OfferOutcome> {
    if outcome.is_refusal() {
        return desk::lapse(&world, offer).await;
    }
    let offer_id = offer.offer_id;
    match world.store.orders.offer_withdraw(offer_id.clone(), clock::now()).await {
        Ok(true) => {
            world.metrics.dispatch.offer_ended(OfferOutcome::Withdrawn.as_str());
            return Ok(OfferOutcome::Withdrawn);
        }
        Ok(false) | Err(StoreError::NotFound) => {}
        Err(error) => return Err(error),
    }
    let said = world.store.orders.offer_fetch(offer_id).await?;
    Ok(said.and_then(|offer| offer.outcome).unwrap_or(OfferOutcome::Withdrawn))
}

impl Handler<MakeOffer> for DriverActor {
    type Result = ResponseActFuture<Self, bool>;

    fn handle(&mut self, message: MakeOffer, _ctx: &mut Context<Self>) -> Self::Result {
        if self.status() != DriverStatus::Available {
            // Whoever asked has read something else.
            self.show_status();
            return Box::pin(wrap_future(async { false }));
        }
        self.offering = true;
        self.show_status();
        let (world, offer, frame) = (self.world.clone(), message.offer, message.frame);
        let insert = offer.clone();
        let work = async move { world.store.orders.offer_insert(insert).await };
        Box::pin(wrap_future::<_, Self>(work).map(move |stored, actor, ctx| {
            actor.offering = false;
            actor.outdate_reload();
            let is_made = match stored {
                Ok(()) => {
                    actor.work.offer = Some(offer);
                    actor.watch_deadline(ctx);
                    actor.send(frame);
                    true
                }
                Err(error) => {
                    tracing::debug!(%error, "offer not made");
                    actor.reload_again = true;
                    false
                }
            };
            actor.show_status();
            if std::mem::take(&mut actor.reload_again) {
                actor.reload(ctx);
            }
            is_made
        }))
    }
}

impl Handler<ShowOffer> for DriverActor {
    type Result = ();

    fn handle(&mut self, message: ShowOffer, _ctx: &mut Context<Self>) {
        if self.work.offer.as_ref().is_some_and(|offer| offer.offer_id == message.offer_id) {
            self.send(message.frame);
        }
    }
}

impl Handler<EndOffer> for DriverActor {
    type Result = ();

    fn handle(&mut self, message: EndOffer, ctx: &mut Context<Self>) {
        self.end_offer(&message.offer_id, &message.order_ids, message.outcome);
        self.reload(ctx);
    }
}
