//! Offers: one open for a driver and one for an order at a time. One that nobody answered in time makes room.

use super::model::Model;
use crate::switches::Switch;
use beeline::domain::dispatch::Offer;
use beeline::domain::dispatch::OfferOutcome;
use beeline::domain::dispatch::RecordChange;
use beeline::domain::ids::DriverId;
use beeline::domain::ids::OfferId;
use beeline::domain::ids::OrderId;
use beeline::domain::order::Status;
use beeline::domain::time::Millis;
use beeline::store::Conflict;
use beeline::store::StoreError;
use beeline::store::StoreResult;

impl Model {
    pub fn offer_insert(&mut self, offer: &Offer) -> StoreResult<()> {
        let mut distinct = offer.order_ids.clone();
        distinct.sort();
        distinct.dedup();
        if distinct.is_empty() || distinct.len() != offer.order_ids.len() {
            return Err(StoreError::Aborted("an offer holds one order or more, each of them once".to_owned()));
        }
        for order_id in &offer.order_ids {
            let order = self.orders.get(order_id).ok_or(StoreError::NotFound)?;
            if order.status != Status::Searching || order.is_parked() {
                return Err(StoreError::Conflict(Conflict::OrderChanged));
            }
        }
        let is_rival = |other: &&Offer| other.outcome.is_none() && other.expires_at >= offer.created_at;
        let mut rivals = self.offers.values().filter(is_rival);
        let has_offer = rivals.clone().any(|other| other.driver_id == offer.driver_id);
        let is_busy = self.active_assignment(&offer.driver_id).is_some();
        let is_known = self.offers.contains_key(&offer.offer_id);
        if !is_busy && is_known {
            return Err(StoreError::Aborted("there is an offer of that id".to_owned()));
        }
        if (has_offer || is_busy) && !self.is_broken(Switch::ManyOffersADriver) {
            return Err(StoreError::Conflict(Conflict::DriverBusy));
        }
        let is_offered = rivals.any(|other| shares_an_order(other, offer));
        if is_offered && !self.is_broken(Switch::ManyOffersAnOrder) {
            return Err(StoreError::Conflict(Conflict::OrderOffered));
        }
        self.lapse_before(offer);
        self.offers.insert(offer.offer_id.clone(), offer.clone());
        Ok(())
    }

    /// Closes what stands in an offer's way and nobody answered in time.
    fn lapse_before(&mut self, offer: &Offer) {
        let has_lapsed = |other: &&Offer| {
            let meets = other.driver_id == offer.driver_id || shares_an_order(other, offer);
            meets && other.outcome.is_none() && other.expires_at < offer.created_at
        };
        let lapsed: Vec<Offer> = self.offers.values().filter(has_lapsed).cloned().collect();
        for old in lapsed {
            let outcome = OfferOutcome::Expired;
            self.close(&old.offer_id, outcome);
            for order_id in &old.order_ids {
                self.refuse(order_id, &old.driver_id, offer.created_at);
            }
            self.count(&RecordChange::Answered { driver_id: old.driver_id, outcome });
        }
    }

    pub fn offer_withdraw(&mut self, offer_id: &OfferId) -> StoreResult<bool> {
        let offer = self.offers.get(offer_id).ok_or(StoreError::NotFound)?;
        let is_open = offer.outcome.is_none();
        if is_open {
            self.close(offer_id, OfferOutcome::Withdrawn);
        }
        Ok(is_open)
    }

    pub(super) fn close(&mut self, offer_id: &OfferId, outcome: OfferOutcome) {
        if let Some(offer) = self.offers.get_mut(offer_id) {
            offer.outcome = Some(outcome);
        }
    }

    pub(super) fn withdraw_where(&mut self, is_meant: impl Fn(&Offer) -> bool) {
        for offer in self.offers.values_mut().filter(|offer| offer.outcome.is_none()) {
            if is_meant(offer) {
                offer.outcome = Some(OfferOutcome::Withdrawn);
            }
        }
    }

    pub(super) fn refuse(&mut self, order_id: &OrderId, driver_id: &DriverId, at: Millis) {
        let refusals = self.refusals.entry(order_id.clone()).or_default();
        if !refusals.iter().any(|(_, other)| other == driver_id) {
            refusals.push((at, driver_id.clone()));
        }
    }
}

fn shares_an_order(one: &Offer, other: &Offer) -> bool {
    one.order_ids.iter().any(|order_id| other.order_ids.contains(order_id))
}
