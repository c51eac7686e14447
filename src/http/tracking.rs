//! `GET /orders/{id}/driver-location`: where the driver of an own order is, once or as a socket.

use crate::clock;
use crate::domain::eta;
use crate::domain::order::Order;
use crate::http::access::Caller;
use crate::http::api::Answer;
use crate::http::api::Api;
use crate::http::api::ok;
use crate::http::sessions::customer::CustomerSession;
use crate::limits;
use crate::protocol::outbound::LiveOut;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use actix_web::HttpRequest;
use actix_web::web;
use serde::Serialize;

/// The live position of an order's driver.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct DriverLocation {
    /// Seconds to the next stop: the pickup until the goods are picked up, then the door.
    eta_s: i64,
    #[serde(flatten)]
    live: LiveOut,
}

/// Plain: the live fix.
pub async fn driver_location(api: web::Data<Api>, who: Caller, path: web::Path<String>) -> Answer {
    let order = who.order(&api, &path).await?;
    ok(&visible(&api, &order).await?)
}

/// With `Upgrade: websocket`: a customer socket that follows the order already.
pub async fn follow(
    api: web::Data<Api>,
    who: Caller,
    path: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
) -> Answer {
    let order = who.order(&api, &path).await?;
    let session = CustomerSession::new(api.client(who.principal), Some(order.order_id));
    api.upgrade(&request, payload, session, limits::FRAME_MAX_BYTES)
}

async fn visible(api: &Api, order: &Order) -> Result<DriverLocation, Problem> {
    let driver_id = order.driver_id.as_ref().filter(|_| order.status.is_active());
    let driver_id = driver_id.ok_or_else(|| Problem::new(Code::NotInDelivery))?;
    let states = api.world.store.orders.orders_watch_state(vec![order.order_id.clone()]).await;
    let states = states.map_err(|error| crate::actors::desk::store_problem(&error))?;
    let shared = states.first().is_some_and(|state| state.shared && state.driver_id.as_ref() == Some(driver_id));
    let now = clock::now();
    let gone_ms = api.world.tuning.gone_ms;
    let live = api.world.live.get(driver_id).filter(|live| gone_ms <= 0 || now.since(live.fix.timestamp) < gone_ms);
    let live = live.filter(|_| shared).ok_or_else(|| Problem::new(Code::NoPosition))?;
    let stop = if order.status.is_before_pickup() { &order.pickup } else { &order.dropoff };
    let mut shown = LiveOut::new(driver_id, &live.fix, live.cell, live.status, now, api.world.tuning.stale_ms);
    shown.order_id = Some(order.order_id.to_string());
    // How the phone is doing is between the driver and the fleet.
    (shown.battery, shown.signal) = (None, None);
    Ok(DriverLocation { eta_s: eta::travel_whole_s(live.fix.position, stop.position), live: shown })
}
