//! Answers to offers.

use super::Command;
use super::Refusal;
use super::arrivals::foresee;
use crate::domain::dispatch::AssignmentChange;
use crate::domain::dispatch::Commit;
use crate::domain::dispatch::Offer;
use crate::domain::dispatch::OfferChange;
use crate::domain::dispatch::OfferOutcome;
use crate::domain::dispatch::OrderChange;
use crate::domain::dispatch::PublishedKind;
use crate::domain::dispatch::RecordChange;
use crate::domain::driver::Driver;
use crate::domain::order::By;
use crate::domain::order::Order;
use crate::domain::order::Step;
use crate::domain::time::Millis;

impl Command<'_> {
    /// The driver takes every order of the offer, in one assignment.
    pub fn accept(&mut self, offer: &Offer, orders: &[Order], driver: &Driver) -> Result<Commit, Refusal> {
        if !holds(offer, orders) || self.now > offer.expires_at || offer.driver_id != driver.driver_id {
            return Err(Refusal::OfferClosed);
        }
        let mut commit = Commit::default();
        let orders: Vec<&Order> = orders.iter().collect();
        let score = Some(offer.score);
        self.give(&mut commit, &orders, driver, &By::System, score).map_err(|_| Refusal::OfferClosed)?;
        commit.offer = Some(closing(offer, OfferOutcome::Accepted, self.now));
        commit.record = Some(answered(offer, OfferOutcome::Accepted));
        Ok(commit)
    }

    /// The driver turned the offer down, or let it lapse: its orders go on looking, at a higher version and without this driver.
    pub fn refuse(&mut self, offer: &Offer, orders: &[Order], outcome: OfferOutcome) -> Result<Commit, Refusal> {
        if !holds(offer, orders) {
            return Err(Refusal::OfferClosed);
        }
        let mut commit = Commit { refused_by: Some(offer.driver_id.clone()), ..Commit::default() };
        let step = Step::Refuse { lapsed: outcome == OfferOutcome::Expired };
        for order in orders {
            let mut change = OrderChange::of(order);
            change.take(&step, &By::System, None, self.now).map_err(|_| Refusal::OfferClosed)?;
            self.search_again(&mut commit, &change.order, outcome.as_str());
            commit.changes.push(change);
        }
        commit.offer = Some(closing(offer, outcome, self.now));
        commit.record = Some(answered(offer, outcome));
        Ok(commit)
    }

    /// Gives orders to a driver in one new assignment, in this sequence.
    pub(super) fn give(
        &mut self,
        commit: &mut Commit,
        orders: &[&Order],
        driver: &Driver,
        by: &By,
        score: Option<f64>,
    ) -> Result<(), Refusal> {
        let (driver_id, assignment_id) = (driver.driver_id.clone(), self.assignment_id());
        let step = Step::Assign { driver_id: driver_id.clone(), assignment_id: assignment_id.clone() };
        let arrivals = foresee((self.whereabouts)(&driver_id), orders, self.now);
        for (order, eta) in orders.iter().zip(arrivals) {
            let mut change = OrderChange::of(order);
            change.take(&step, by, matches!(by, By::Operator(_)).then(|| "assigned by hand".to_owned()), self.now)?;
            change.order.eta = eta;
            change.order.promised_at = eta.dropoff_at;
            let seconds = |at: Option<Millis>| at.map(|at| at.since(self.now) / 1_000);
            let kind = PublishedKind::Assigned {
                driver_id: driver_id.clone(),
                pickup_eta_s: seconds(eta.pickup_at),
                dropoff_eta_s: seconds(eta.dropoff_at),
                assignment_score: score,
            };
            self.publish(commit, &change.order, kind);
            commit.changes.push(change);
        }
        let driver_version = driver.version;
        commit.assignments.push(AssignmentChange::Begin { assignment_id, driver_id, driver_version });
        Ok(())
    }
}

/// The offer is open, and these are its orders.
fn holds(offer: &Offer, orders: &[Order]) -> bool {
    offer.outcome.is_none() && offer.order_ids.iter().eq(orders.iter().map(|order| &order.order_id))
}

fn closing(offer: &Offer, outcome: OfferOutcome, at: Millis) -> OfferChange {
    OfferChange { offer_id: offer.offer_id.clone(), outcome, at }
}

fn answered(offer: &Offer, outcome: OfferOutcome) -> RecordChange {
    RecordChange::Answered { driver_id: offer.driver_id.clone(), outcome }
}
