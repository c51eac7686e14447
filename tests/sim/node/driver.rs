//! A driver's cache: holds one offer at a time, shows it, closes it at its deadline, and notices a driver who is lost.

use crate::sim::Here;
use crate::trace::Subject;
use beeline::domain::dispatch::Offer;
use beeline::domain::dispatch::OfferOutcome;
use beeline::domain::driver::DriverStatus;
use beeline::domain::driver::Shift;
use beeline::domain::ids::AssignmentId;
use beeline::domain::ids::DriverId;
use beeline::domain::ids::OfferId;
use beeline::domain::ids::OrderId;
use beeline::domain::time::Millis;

/// An accept sent in the last moment may still be under way when the deadline comes, in milliseconds.
const GRACE_MS: i64 = 250;
/// Pause before what failed is tried again, in milliseconds.
const RETRY_MS: i64 = 1_000;
/// A driver of whom nothing is heard for so long is lost, in milliseconds.
const LOST_MS: i64 = 60_000;
/// Pause before a driver who is still lost is seen to again, in milliseconds.
const LOSS_REPEAT_MS: i64 = 30_000;

/// See the module.
#[derive(Default)]
pub struct DriverCache {
    pub shift: Shift,
    pub assignment: Option<(AssignmentId, Vec<OrderId>)>,
    offer: Option<Offer>,
    is_offering: bool,
    is_reloading: bool,
    reload_again: bool,
    concluding: Vec<OfferId>,
    loss_seen_to: Millis,
}

impl DriverCache {
    pub fn status(&self) -> DriverStatus {
        DriverStatus::seen(self.shift, self.offer.is_some() || self.is_offering, self.assignment.is_some())
    }
}

impl Here {
    fn with_driver<T>(&self, driver_id: &DriverId, work: impl FnOnce(&mut DriverCache) -> T) -> T {
        work(self.me().borrow_mut().drivers.entry(driver_id.clone()).or_default())
    }

    /// Reads the store again; wishes that come meanwhile lead to one more look.
    pub fn reload(&self, driver_id: &DriverId) {
        let is_free = self.with_driver(driver_id, |cache| {
            let is_free = !cache.is_reloading && !cache.is_offering;
            cache.reload_again |= !is_free;
            cache.is_reloading |= is_free;
            is_free
        });
        if !is_free {
            return;
        }
        let (here, driver_id) = (self.clone(), driver_id.clone());
        self.spawn(async move {
            loop {
                let now = here.now();
                let Ok(rows) = here.read(|store| store.driver_load(&driver_id, now)).await else {
                    here.exec.sleep(RETRY_MS).await;
                    continue;
                };
                let (is_late, is_offering) = here.with_driver(&driver_id, |cache| {
                    cache.is_reloading = false;
                    let is_late = std::mem::take(&mut cache.reload_again);
                    cache.reload_again = cache.is_offering;
                    (is_late, cache.is_offering)
                });
                if is_offering {
                    return;
                }
                if !is_late {
                    here.with_driver(&driver_id, |cache| {
                        cache.shift = rows.driver.map(|driver| driver.shift).unwrap_or_default();
                        cache.assignment = rows.assignment;
                    });
                    here.adopt_offer(&driver_id, rows.offer);
                    return;
                }
                here.with_driver(&driver_id, |cache| cache.is_reloading = true);
            }
        });
    }

    /// Takes over the open offer that the store knows.
    fn adopt_offer(&self, driver_id: &DriverId, stored: Option<Offer>) {
        let known = self.with_driver(driver_id, |cache| cache.offer.take());
        let is_new = known.as_ref().map(|offer| &offer.offer_id) != stored.as_ref().map(|offer| &offer.offer_id);
        if let Some(gone) = known.filter(|_| is_new) {
            self.conclude(gone, OfferOutcome::Expired);
        }
        let Some(offer) = stored else { return };
        let cannot_take =
            self.with_driver(driver_id, |cache| cache.shift != Shift::Available || cache.assignment.is_some());
        if cannot_take {
            self.conclude(offer, OfferOutcome::Withdrawn);
            return;
        }
        self.with_driver(driver_id, |cache| cache.offer = Some(offer.clone()));
        if is_new {
            self.hold(offer);
        }
    }

    /// Shows an offer, and lets it lapse at its deadline.
    fn hold(&self, offer: Offer) {
        let phone = self.phones.borrow().get(&offer.driver_id).cloned();
        if let Some(phone) = phone {
            let shown = offer.clone();
            crate::net::send(&self.sim, move |sim| sim.exec.put(&phone, shown.clone()));
        }
        let here = self.clone();
        self.spawn(async move {
            here.exec.sleep(offer.expires_at.since(here.now()) + GRACE_MS).await;
            let is_held = here.with_driver(&offer.driver_id, |cache| {
                cache.offer.as_ref().is_some_and(|held| held.offer_id == offer.offer_id)
            });
            if is_held {
                here.conclude(offer, OfferOutcome::Expired);
            }
        });
    }

    /// Closes an offer in the store, or finds out how it was closed, and tells everybody.
    fn conclude(&self, offer: Offer, outcome: OfferOutcome) {
        let is_under_way = self.with_driver(&offer.driver_id, |cache| {
            let is_under_way = cache.concluding.contains(&offer.offer_id);
            cache.concluding.push(offer.offer_id.clone());
            is_under_way
        });
        if is_under_way {
            return;
        }
        let here = self.clone();
        self.spawn(async move {
            loop {
                let ended = if outcome.is_refusal() {
                    here.refuse(offer.clone(), outcome).await
                } else {
                    here.withdraw(&offer.offer_id).await
                };
                let is_told = !here.with_driver(&offer.driver_id, |cache| cache.concluding.contains(&offer.offer_id));
                match ended {
                    _ if is_told => return,
                    Ok(ended) => {
                        here.end_offer(&offer.driver_id, &offer.offer_id, &offer.order_ids, ended);
                        here.reload(&offer.driver_id);
                        return;
                    }
                    Err(_) => here.exec.sleep(RETRY_MS).await,
                }
            }
        });
    }

    async fn withdraw(&self, offer_id: &OfferId) -> beeline::store::StoreResult<OfferOutcome> {
        if self.offer_withdraw(offer_id.clone()).await? {
            return Ok(OfferOutcome::Withdrawn);
        }
        let said = self.read(|store| store.offers.get(offer_id).and_then(|offer| offer.outcome)).await?;
        Ok(said.unwrap_or(OfferOutcome::Withdrawn))
    }

    /// An offer is over.
    pub fn end_offer(&self, driver_id: &DriverId, offer_id: &OfferId, order_ids: &[OrderId], outcome: OfferOutcome) {
        self.with_driver(driver_id, |cache| {
            cache.offer.take_if(|offer| offer.offer_id == *offer_id);
            cache.concluding.retain(|other| other != offer_id);
            cache.reload_again |= cache.is_reloading;
        });
        if outcome != OfferOutcome::Accepted {
            for order_id in order_ids {
                self.offer_ended(order_id, offer_id, driver_id, outcome);
            }
        }
    }

    /// From a cell: offer this. `false` when the driver is not free.
    pub async fn make_offer(&self, offer: Offer) -> bool {
        let driver_id = offer.driver_id.clone();
        let is_free = self.with_driver(&driver_id, |cache| {
            let is_free = cache.status() == DriverStatus::Available;
            cache.is_offering |= is_free;
            is_free
        });
        if !is_free {
            return false;
        }
        let stored = self.offer_insert(offer.clone()).await;
        let must_reload = self.with_driver(&driver_id, |cache| {
            cache.is_offering = false;
            cache.reload_again |= cache.is_reloading;
            if stored.is_ok() {
                cache.offer = Some(offer.clone());
            }
            std::mem::take(&mut cache.reload_again) || stored.is_err()
        });
        if stored.is_ok() {
            self.hold(offer);
        }
        if must_reload {
            self.reload(&driver_id);
        }
        stored.is_ok()
    }

    /// Takes a driver of whom nothing is heard any more off their orders.
    pub fn notice_loss(&self) {
        let (now, streets) = (self.now(), self.streets.borrow());
        for (driver_id, _) in streets.iter().filter(|(_, at)| now.since(at.heard_at) >= LOST_MS) {
            let order_ids = self.with_driver(driver_id, |cache| {
                let (_, order_ids) = cache.assignment.clone()?;
                if now.since(cache.loss_seen_to) < LOSS_REPEAT_MS {
                    return None;
                }
                cache.loss_seen_to = now;
                Some(order_ids)
            });
            let Some(order_ids) = order_ids else { continue };
            self.note("lost", Subject::Driver(driver_id.clone()), 0);
            let (here, driver_id) = (self.clone(), driver_id.clone());
            self.spawn(async move { here.lose(&driver_id, order_ids).await });
        }
    }
}
