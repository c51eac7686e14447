//! What a node does with a request.

use crate::protocol::Problem;
use crate::protocol::Reply;
use crate::protocol::Request;
use crate::sim::Here;
use beeline::domain::ids::DriverId;

pub async fn serve(here: &Here, request: &Request) -> Reply {
    match request {
        Request::Place { key, draft } => here.place(key, draft).await,
        Request::Accept { driver_id, offer_id } => here.accept(driver_id, offer_id).await,
        Request::Decline { driver_id, offer_id } => here.decline(driver_id, offer_id).await,
        Request::Step { order_id, step, by } => here.take_step(order_id, step, by).await,
        Request::Assign { order_id, driver_id } => here.assign(order_id, driver_id).await,
        Request::Unassign { order_id } => here.unassign(order_id).await,
        Request::Letters => {
            let found = here.read(|store| store.dead_letters()).await;
            found.map_or_else(
                |error| Reply::Refused(Problem::from(&error)),
                |letters| Reply::Letters(letters.into_iter().map(|letter| letter.dead_letter_id).collect()),
            )
        }
        Request::Replay { letter } => here.replay(letter).await,
        Request::Purge { letter } => here.purge(letter).await,
        Request::Shift { driver_id, shift } => here.shift(driver_id, *shift).await,
        Request::Work { driver_id } => work(here, driver_id).await,
        Request::Subscribe { stream, order_id, after } => {
            here.subscribe(*stream, order_id, *after);
            Reply::Done
        }
    }
}

async fn work(here: &Here, driver_id: &DriverId) -> Reply {
    let now = here.now();
    let found = here
        .read(|store| {
            let rows = store.driver_load(driver_id, now);
            let carried = rows.assignment.map(|(_, order_ids)| order_ids).unwrap_or_default();
            (store.orders_fetch(&carried), rows.offer)
        })
        .await;
    found.map_or_else(|error| Reply::Refused(Problem::from(&error)), |(orders, offer)| Reply::Work { orders, offer })
}
