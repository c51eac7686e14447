//! What every handler shares.

use crate::actors::world::World;
use crate::http::auth::Auth;
use crate::http::gate::Gate;
use crate::http::rates::Rates;
use crate::http::sessions::Client;
use crate::http::socket::Bounds;
use crate::http::socket::OpenError;
use crate::http::socket::Opening;
use crate::http::socket::Session;
use crate::protocol::identity::Principal;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use crate::telemetry::UpgradeRefusal;
use actix_web::HttpMessage;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::ResponseError;
use actix_web::http::header::HeaderName;
use actix_web::http::header::HeaderValue;
use actix_web::web;
use serde::Serialize;
use std::sync::Arc;

/// What every handler shares; in the application as `web::Data<Api>`.
#[derive(Clone)]
pub struct Api {
    /// Store, live index, actors.
    pub world: Arc<World>,
    /// Tokens and origins.
    pub auth: Auth,
    /// Room for sockets.
    pub gate: Gate,
    /// How often each principal may ask.
    pub rates: Arc<Rates>,
}

/// What a handler comes to.
pub type Answer = Result<HttpResponse, Problem>;

impl Api {
    /// Makes a client of a verified upgrade request.
    #[must_use]
    pub fn client(&self, principal: Principal) -> Client {
        Client::new(self, principal)
    }

    /// Upgrades a request to a session, after its origin was checked: 503 when the node is short of memory or on its way
    /// out, 429 when its principal or its address has as many sockets as it may.
    pub fn upgrade<S: Session>(
        &self,
        request: &HttpRequest,
        payload: web::Payload,
        session: S,
        max_bytes: usize,
    ) -> Answer {
        let opening = match Opening::check(request) {
            Ok(opening) => opening,
            Err(error) => return self.refused(error),
        };
        // Left there by the check that let the caller come this far.
        let who = request.extensions().get::<Principal>().cloned().ok_or_else(|| Problem::new(Code::Unauthorized))?;
        let seat = self.gate.enter(request, &who).map_err(|turned| {
            self.world.metrics.upgrade_refused(turned.label());
            Problem::from(turned)
        })?;
        Ok(opening.seated(seat).start(payload, session, &Bounds::of_messages(max_bytes)))
    }

    fn refused(&self, error: OpenError) -> Answer {
        if error == OpenError::Draining {
            self.world.metrics.upgrade_refused(UpgradeRefusal::Draining);
        }
        refused(&error)
    }
}

/// 200 with a JSON body.
pub fn ok<T: Serialize>(body: &T) -> Answer {
    Ok(HttpResponse::Ok().json(body))
}

/// The answer to a request that did not become a WebSocket.
pub(super) fn refused(error: &OpenError) -> Answer {
    let code = match error.status() {
        405 => Code::MethodNotAllowed,
        426 => Code::UpgradeRequired,
        400 => Code::Malformed,
        503 => Code::Unavailable,
        _ => Code::Internal,
    };
    let mut response = Problem::new(code).detail(format!("{error}.")).error_response();
    if let Some((name, value)) = error.header() {
        response.headers_mut().insert(
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| Problem::new(Code::Internal))?,
            HeaderValue::from_static(value),
        );
    }
    Ok(response)
}
