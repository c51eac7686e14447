//! What a client was told is stored, and still is in the end, whatever crashed meanwhile.

use super::Seen;
use crate::history::Fact;
use crate::protocol::Reply;
use crate::protocol::Request;
use beeline::domain::dispatch::OfferOutcome;
use beeline::domain::ids::OrderId;
use beeline::domain::order::Order;
use beeline::domain::order::OrderEvent;

pub fn check(seen: &Seen<'_>) -> Result<(), String> {
    for moment in seen.history {
        let Fact::Told { command, request, reply, .. } = &moment.fact else { continue };
        let holds = match reply {
            Reply::Order(order) => is_stored(seen, order) && is_done(seen, request, order),
            Reply::Placed(receipt) => events(seen, &receipt.order_id).iter().any(|event| event.seq == receipt.version),
            Reply::Done => is_kept(seen, request),
            Reply::Work { .. } | Reply::Letters(_) | Reply::Refused(_) => true,
        };
        if !holds {
            return Err(format!("{command} ({request:?}) was answered {reply:?} at {:?}, which is not so", moment.at));
        }
    }
    Ok(())
}

fn events<'a>(seen: &Seen<'a>, order_id: &OrderId) -> &'a [OrderEvent] {
    seen.store.events.get(order_id).map(Vec::as_slice).unwrap_or_default()
}

/// The order was at this version what the answer says.
fn is_stored(seen: &Seen<'_>, order: &Order) -> bool {
    let mut events = events(seen, &order.order_id).iter();
    events.any(|event| (event.seq, event.status, &event.driver_id) == (order.version, order.status, &order.driver_id))
}

/// What was asked for has happened by then.
fn is_done(seen: &Seen<'_>, request: &Request, order: &Order) -> bool {
    let has = |name: &str| {
        let mut events = events(seen, &order.order_id).iter();
        events.any(|event| event.seq <= order.version && event.event == name)
    };
    let is_given_to = |wanted: &beeline::domain::ids::DriverId| {
        let mut events = events(seen, &order.order_id).iter();
        events.any(|event| {
            event.seq <= order.version && event.event == "assigned" && event.driver_id.as_ref() == Some(wanted)
        })
    };
    match request {
        Request::Accept { driver_id, offer_id } => {
            let outcome = seen.store.offers.get(offer_id).and_then(|offer| offer.outcome);
            outcome == Some(OfferOutcome::Accepted) && is_given_to(driver_id)
        }
        Request::Assign { driver_id, .. } => is_given_to(driver_id),
        // A kitchen that was ready from the beginning says nothing new.
        Request::Step { step: beeline::domain::order::Step::Ready, .. } => order.prep.ready,
        // One that nobody carried was released before, or never given.
        Request::Step { step: beeline::domain::order::Step::Release, .. } | Request::Unassign { .. } => {
            order.driver_id.is_none()
        }
        Request::Step { step, .. } => has(step.event()),
        Request::Replay { .. } => !order.is_parked(),
        Request::Purge { .. } => has("failed"),
        _ => true,
    }
}

fn is_kept(seen: &Seen<'_>, request: &Request) -> bool {
    match request {
        Request::Decline { offer_id, .. } => {
            seen.store.offers.get(offer_id).and_then(|offer| offer.outcome) == Some(OfferOutcome::Declined)
        }
        Request::Shift { driver_id, .. } => seen.store.drivers.contains_key(driver_id),
        _ => true,
    }
}
