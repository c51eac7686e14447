//! `/ws/driver`, `/ws/customer`, `/ws/operator`: the upgrades.

use crate::domain::ids::DriverId;
use crate::http::access::Caller;
use crate::http::api::Answer;
use crate::http::api::Api;
use crate::http::sessions::customer::CustomerSession;
use crate::http::sessions::driver::DriverSession;
use crate::http::sessions::operator::OperatorSession;
use crate::limits;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use actix_web::HttpRequest;
use actix_web::web;

/// A driver's socket.
pub async fn driver(api: web::Data<Api>, who: Caller, request: HttpRequest, payload: web::Payload) -> Answer {
    let driver_id = DriverId::parse(&who.principal.subject).map_err(|_| Problem::new(Code::Forbidden))?;
    let session = DriverSession::new(api.client(who.principal), driver_id);
    api.upgrade(&request, payload, session, limits::DRIVER_FRAME_MAX_BYTES)
}

/// A customer's socket; a service follows orders for any customer.
pub async fn customer(api: web::Data<Api>, who: Caller, request: HttpRequest, payload: web::Payload) -> Answer {
    let session = CustomerSession::new(api.client(who.principal), None);
    api.upgrade(&request, payload, session, limits::FRAME_MAX_BYTES)
}

/// An operator's socket.
pub async fn operator(api: web::Data<Api>, who: Caller, request: HttpRequest, payload: web::Payload) -> Answer {
    let session = OperatorSession::new(api.client(who.principal));
    api.upgrade(&request, payload, session, limits::FRAME_MAX_BYTES)
}
