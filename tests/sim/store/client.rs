//! The way to the store and back: it takes its time, may fail at either end, and the node may die on it.

use super::model::Model;
use crate::exec::Owner;
use crate::history::Fact;
use crate::sim::Here;
use crate::switches::Switch;
use crate::trace::Subject;
use beeline::domain::dispatch::Commit;
use beeline::domain::dispatch::Offer;
use beeline::domain::driver::Driver;
use beeline::domain::ids::OfferId;
use beeline::domain::order::Order;
use beeline::domain::order::OrderEvent;
use beeline::store::Answer;
use beeline::store::Claim;
use beeline::store::Placed;
use beeline::store::StoreError;
use beeline::store::StoreResult;
use std::future::pending;

impl Here {
    /// Reads what is committed.
    pub async fn read<T>(&self, look: impl FnOnce(&Model) -> T) -> StoreResult<T> {
        self.travel().await;
        if self.rng.chance(self.faults().store_aborts) {
            return Err(StoreError::Aborted("simulated".to_owned()));
        }
        let found = look(&self.store.borrow());
        self.travel().await;
        Ok(found)
    }

    /// Writes. One that answers `MaybeApplied` was applied, was not, or is in a moment.
    async fn write<T: 'static>(&self, work: impl FnOnce(&Here) -> StoreResult<T> + 'static) -> StoreResult<T> {
        self.travel().await;
        let faults = self.faults();
        if self.rng.chance(faults.store_aborts) {
            return Err(StoreError::Aborted("simulated".to_owned()));
        }
        if self.rng.chance(faults.store_unsure) {
            match self.rng.below(3) {
                0 => {}
                1 => drop(work(self)),
                _ => {
                    let (here, delay_ms) = (self.clone(), self.rng.between(1, 3_000));
                    self.exec.spawn(Owner::World, async move {
                        here.exec.sleep(delay_ms).await;
                        drop(work(&here));
                    });
                }
            }
            self.travel().await;
            return Err(StoreError::MaybeApplied("simulated".to_owned()));
        }
        let done = work(self);
        if done.is_ok() && self.rng.chance(faults.crash_at_commit) {
            self.crash(self.node);
            pending::<()>().await;
        }
        self.travel().await;
        done
    }

    async fn travel(&self) {
        let longest_ms = self.faults().store_ms;
        self.exec.sleep(self.rng.between(0, longest_ms)).await;
    }

    pub async fn order_commit(&self, commit: Commit) -> StoreResult<()> {
        self.write(move |here| {
            if here.is_broken(Switch::LostCommits) && here.rng.chance(0.05) {
                return Ok(());
            }
            here.store.borrow_mut().order_commit(&commit)?;
            for event in commit.changes.iter().flat_map(|change| &change.events) {
                here.note(word(&event.event), Subject::Order(event.order_id.clone()), event.seq);
            }
            here.record(Fact::Committed(Box::new(commit)));
            Ok(())
        })
        .await
    }

    pub async fn order_insert(&self, order: Order, event: OrderEvent, claim: Claim) -> StoreResult<Placed> {
        self.write(move |here| {
            let placed = here.store.borrow_mut().order_insert(&order, &event, Some(&claim))?;
            if placed == Placed::New {
                here.note("placed", Subject::Order(order.order_id.clone()), order.version);
                here.record(Fact::Placed { order: Box::new(order), key: claim.key });
            }
            Ok(placed)
        })
        .await
    }

    pub async fn order_answer(&self, claim: Claim, answer: Answer) -> StoreResult<()> {
        self.write(move |here| {
            here.store.borrow_mut().order_answer(&claim, &answer)?;
            here.record(Fact::Answered { key: claim.key, body: answer.body });
            Ok(())
        })
        .await
    }

    pub async fn offer_insert(&self, offer: Offer) -> StoreResult<()> {
        self.write(move |here| {
            here.store.borrow_mut().offer_insert(&offer)?;
            here.note("offer made", Subject::Offer(offer.offer_id.clone()), 0);
            here.record(Fact::OfferMade(offer));
            Ok(())
        })
        .await
    }

    pub async fn offer_withdraw(&self, offer_id: OfferId) -> StoreResult<bool> {
        self.write(move |here| {
            let withdrawn = here.store.borrow_mut().offer_withdraw(&offer_id)?;
            if withdrawn {
                here.note("offer withdrawn", Subject::Offer(offer_id.clone()), 0);
                here.record(Fact::OfferWithdrawn(offer_id));
            }
            Ok(withdrawn)
        })
        .await
    }

    pub async fn driver_save(&self, driver: Driver) -> StoreResult<()> {
        self.write(move |here| {
            here.store.borrow_mut().driver_save(&driver, None)?;
            here.note("driver saved", Subject::Driver(driver.driver_id.clone()), driver.version);
            here.record(Fact::DriverSaved(Box::new(driver)));
            Ok(())
        })
        .await
    }
}

/// The event's name, kept without a copy.
fn word(event: &str) -> &'static str {
    const WORDS: [&str; 16] = [
        "created",
        "paid",
        "searching",
        "assigned",
        "at_pickup",
        "picked_up",
        "at_dropoff",
        "delivered",
        "released",
        "offer_declined",
        "offer_expired",
        "parked",
        "retried",
        "ready",
        "cancelled",
        "failed",
    ];
    WORDS.iter().find(|word| **word == event).copied().unwrap_or("another event")
}
