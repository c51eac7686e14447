//! An order has one open offer at a time, and so has a driver. An offer is open until it is closed, until one of its orders goes another way, until
//! its driver has got something else to do, or until its deadline.

use super::Seen;
use crate::history::Fact;
use beeline::domain::dispatch::AssignmentChange;
use beeline::domain::dispatch::Commit;
use beeline::domain::dispatch::Offer;
use beeline::domain::order::Status;

pub fn check(seen: &Seen<'_>) -> Result<(), String> {
    let mut open: Vec<&Offer> = Vec::new();
    for moment in seen.history {
        match &moment.fact {
            Fact::OfferMade(offer) => {
                open.retain(|other| other.expires_at >= offer.created_at);
                let meets = |other: &&&Offer| {
                    other.driver_id == offer.driver_id
                        || other.order_ids.iter().any(|order_id| offer.order_ids.contains(order_id))
                };
                if let Some(other) = open.iter().find(meets) {
                    return Err(format!(
                        "{} of {} was made beside {}",
                        offer.offer_id, offer.driver_id, other.offer_id
                    ));
                }
                open.push(offer);
            }
            Fact::OfferWithdrawn(offer_id) => open.retain(|offer| offer.offer_id != *offer_id),
            Fact::Committed(commit) => open.retain(|offer| is_left_open(offer, commit)),
            _ => {}
        }
    }
    Ok(())
}

fn is_left_open(offer: &Offer, commit: &Commit) -> bool {
    let is_closed = commit.offer.as_ref().is_some_and(|change| change.offer_id == offer.offer_id);
    let has_gone = commit.changes.iter().map(|change| &change.order).any(|order| {
        offer.order_ids.contains(&order.order_id) && (order.status != Status::Searching || order.due_at.is_none())
    });
    let is_taken = commit
        .assignments
        .iter()
        .any(|change| matches!(change, AssignmentChange::Begin { driver_id, .. } if *driver_id == offer.driver_id));
    !is_closed && !has_gone && !is_taken
}
