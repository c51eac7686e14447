//! How a driver actor holds one offer at a time: reserve, store, show, and let go at its deadline.
//!
//! The reservation is a courtesy between cells; that nobody wins twice is the store's doing.

use super::DriverActor;
use super::EndOffer;
use super::MakeOffer;
use super::messages::ShowOffer;
use crate::actors::cell::OfferEnded;
use crate::actors::mailbox::tell;
use crate::clock;
use crate::domain::driver::DriverStatus;
use crate::domain::eta;
use crate::domain::ids::OfferId;
use crate::protocol::outbound::OfferClosed;
use crate::protocol::outbound::OfferOut;
use crate::protocol::outbound::encode;
use crate::protocol::time::to_rfc3339;
use crate::store::Offer;
use crate::store::OfferChange;
use crate::store::OfferOutcome;
use actix::AsyncContext;
use actix::Context;
use actix::Handler;
use actix::ResponseActFuture;
use actix::fut::ActorFutureExt;
use actix::fut::wrap_future;
use std::time::Duration;

/// An accept sent in the last moment may still be under way in the store when the deadline comes.
const GRACE_MS: i64 = 250;

impl DriverActor {
    /// Takes over the open offer the store knows, and watches its deadline.
    pub(super) fn adopt_offer(&mut self, stored: Option<Offer>, ctx: &mut Context<Self>) {
        let known = self.work.offer.as_ref().map(|offer| &offer.offer_id);
        let is_new = stored.as_ref().is_some_and(|offer| Some(&offer.offer_id) != known);
        if stored.is_none() && self.offering {
            return;
        }
        self.work.offer = stored;
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
            let Ok(Some(order)) = world.store.orders.order_fetch(offer.order_id).await else { return };
            let Ok(addr) = world.driver(&driver_id) else { return };
            let pickup_eta_s = eta::travel_whole_s(fix.position, order.pickup.position);
            let frame = encode(&OfferOut {
                offer_id: offer.offer_id,
                orders: vec![(&order).into()],
                expires_at: to_rfc3339(offer.expires_at),
                pickup_eta_s,
            });
            tell(&addr, ShowOffer { frame });
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
        if self.work.offer.as_ref().is_none_or(|offer| offer.offer_id != *offer_id) {
            return;
        }
        let change = OfferChange { offer_id: offer_id.clone(), outcome: OfferOutcome::Expired, at: clock::now() };
        let (world, closing) = (self.world.clone(), offer_id.clone());
        let work = async move { world.store.orders.offer_close(change).await };
        let done = wrap_future::<_, Self>(work).map(move |closed, actor, ctx| match closed {
            Ok(true) => actor.end_offer(&closing, OfferOutcome::Expired),
            Ok(false) => actor.reload(ctx),
            Err(error) => {
                tracing::warn!(%error, "offer not closed at its deadline");
                actor.reload(ctx);
            }
        });
        ctx.spawn(done);
    }

    fn end_offer(&mut self, offer_id: &OfferId, outcome: OfferOutcome) {
        let Some(offer) = self.work.offer.take_if(|offer| offer.offer_id == *offer_id) else { return };
        let reason = outcome.as_str();
        self.send(encode(&OfferClosed { offer_id, reason }));
        self.show_status();
        let world = self.world.clone();
        let (order_id, driver_id) = (offer.order_id, self.driver_id.clone());
        let ended = OfferEnded { order_id: order_id.clone(), offer_id: offer_id.clone(), driver_id, outcome };
        if outcome != OfferOutcome::Accepted
            && let Some(order) = world.directory.order(&order_id)
        {
            tell(&order, ended);
        }
    }
}

impl Handler<MakeOffer> for DriverActor {
    type Result = ResponseActFuture<Self, bool>;

    fn handle(&mut self, message: MakeOffer, _ctx: &mut Context<Self>) -> Self::Result {
        if self.status() != DriverStatus::Available {
            return Box::pin(wrap_future(async { false }));
        }
        self.offering = true;
        self.show_status();
        let (world, offer, frame) = (self.world.clone(), message.offer, message.frame);
        let insert = offer.clone();
        let work = async move { world.store.orders.offer_insert(insert).await };
        Box::pin(wrap_future::<_, Self>(work).map(move |stored, actor, ctx| {
            actor.offering = false;
            if let Err(error) = stored {
                tracing::debug!(%error, "offer not made");
                actor.show_status();
                actor.reload(ctx);
                return false;
            }
            actor.work.offer = Some(offer);
            actor.watch_deadline(ctx);
            actor.send(frame);
            actor.show_status();
            true
        }))
    }
}

impl Handler<ShowOffer> for DriverActor {
    type Result = ();

    fn handle(&mut self, message: ShowOffer, _ctx: &mut Context<Self>) {
        if self.work.offer.is_some() {
            self.send(message.frame);
        }
    }
}

impl Handler<EndOffer> for DriverActor {
    type Result = ();

    fn handle(&mut self, message: EndOffer, ctx: &mut Context<Self>) {
        self.end_offer(&message.offer_id, message.outcome);
        self.reload(ctx);
    }
}
