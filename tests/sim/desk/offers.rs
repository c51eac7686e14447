//! A driver's answer to an offer, or its want of one.

use crate::desk::run::About;
use crate::desk::run::Failure;
use crate::node::Hint;
use crate::protocol::Problem;
use crate::protocol::Reply;
use crate::sim::Here;
use crate::switches::Switch;
use beeline::domain::dispatch::Offer;
use beeline::domain::dispatch::OfferOutcome;
use beeline::domain::dispatch::Refusal;
use beeline::domain::ids::DriverId;
use beeline::domain::ids::OfferId;
use beeline::store::Conflict;
use beeline::store::StoreError;
use beeline::store::StoreResult;

impl Here {
    /// Takes the offered orders, all of them. Saying yes twice is one yes.
    pub async fn accept(&self, driver_id: &DriverId, offer_id: &OfferId) -> Reply {
        let offer = match self.own_offer(driver_id, offer_id).await {
            Ok(offer) => offer,
            Err(problem) => return Reply::Refused(problem),
        };
        if offer.outcome == Some(OfferOutcome::Accepted) && !self.is_broken(Switch::ForgottenAnswers) {
            return self.first_of(&offer).await;
        }
        let about = About { order_ids: offer.order_ids.clone(), driver_id: Some(driver_id.clone()) };
        let done = self.run(about, |command, loaded| {
            let driver = loaded.driver.as_ref().ok_or(Refusal::OfferClosed)?;
            command.accept(&offer, &loaded.orders, driver)
        });
        match done.await {
            Ok(orders) => orders
                .into_iter()
                .next()
                .map_or(Reply::Refused(Problem::NotFound), |order| Reply::Order(Box::new(order))),
            Err(Failure::Refused(..) | Failure::Store(StoreError::Conflict(Conflict::OfferClosed))) => {
                let said = match self.own_offer(driver_id, offer_id).await {
                    Ok(said) => said,
                    Err(problem) => return Reply::Refused(problem),
                };
                let ended = match self.refuse(said.clone(), OfferOutcome::Expired).await {
                    Ok(ended) => ended,
                    Err(error) => return Reply::Refused((&error).into()),
                };
                if ended == OfferOutcome::Accepted && !self.is_broken(Switch::ForgottenAnswers) {
                    return self.first_of(&said).await;
                }
                let (driver_id, offer_id) = (driver_id.clone(), offer_id.clone());
                self.hint(Hint::EndOffer { driver_id, offer_id, order_ids: said.order_ids, outcome: ended });
                Reply::Refused(Problem::OfferClosed)
            }
            Err(failure) => Reply::Refused(failure.problem(|_| Problem::OfferClosed)),
        }
    }

    /// Turns the offered orders down. Saying no twice is one no.
    pub async fn decline(&self, driver_id: &DriverId, offer_id: &OfferId) -> Reply {
        let offer = match self.own_offer(driver_id, offer_id).await {
            Ok(offer) => offer,
            Err(problem) => return Reply::Refused(problem),
        };
        match self.refuse(offer, OfferOutcome::Declined).await {
            Ok(OfferOutcome::Declined) => Reply::Done,
            Ok(_) => Reply::Refused(Problem::OfferClosed),
            Err(error) => Reply::Refused((&error).into()),
        }
    }

    /// Closes an offer that was not taken; how it ended, if somebody was first.
    pub async fn refuse(&self, offer: Offer, outcome: OfferOutcome) -> StoreResult<OfferOutcome> {
        if let Some(ended) = offer.outcome {
            return Ok(ended);
        }
        let about = About { order_ids: offer.order_ids.clone(), driver_id: None };
        match self.run(about, |command, loaded| command.refuse(&offer, &loaded.orders, outcome)).await {
            Ok(_) => Ok(outcome),
            Err(Failure::Refused(..) | Failure::NotFound | Failure::Store(StoreError::Conflict(_))) => {
                let said = self.read(|store| store.offers.get(&offer.offer_id).map(|offer| offer.outcome)).await?;
                match said {
                    Some(Some(ended)) => Ok(ended),
                    None => Ok(OfferOutcome::Withdrawn),
                    Some(None) => {
                        self.offer_withdraw(offer.offer_id).await?;
                        Ok(OfferOutcome::Withdrawn)
                    }
                }
            }
            Err(Failure::Restless) => Err(StoreError::Aborted("the offered orders keep changing".to_owned())),
            Err(Failure::Store(error)) => Err(error),
        }
    }

    async fn own_offer(&self, driver_id: &DriverId, offer_id: &OfferId) -> Result<Offer, Problem> {
        let found =
            self.read(|store| store.offers.get(offer_id).cloned()).await.map_err(|error| Problem::from(&error))?;
        found.filter(|offer| offer.driver_id == *driver_id).ok_or(Problem::NotFound)
    }

    async fn first_of(&self, offer: &Offer) -> Reply {
        let Some(order_id) = offer.order_ids.first() else { return Reply::Refused(Problem::NotFound) };
        self.fetch(order_id).await.map_or_else(Reply::Refused, |order| Reply::Order(Box::new(order)))
    }
}
