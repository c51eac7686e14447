//! CORS: what pages of other origins may call (Fetch standard, section 3.2). The allow-list is `BEELINE_ORIGINS` and the
//! server's own origin.
//!
//! Only the API, the tiles and the documents are shared; probes, metrics and pages are not. A page outside the list is
//! answered like anybody else but without the headers that would let its script read the answer, and its preflight is
//! refused. There are no credentials to allow: a cookie is never looked at.
//!
//! Wrap it inside `context`, which gives refusals their request id, and outside of whatever else refuses, so that a page
//! can read those refusals.

use super::auth::Auth;
use super::auth::PageOrigin;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use actix_web::Error;
use actix_web::HttpResponse;
use actix_web::ResponseError;
use actix_web::body::EitherBody;
use actix_web::body::MessageBody;
use actix_web::dev::ServiceRequest;
use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use actix_web::http::header;
use actix_web::http::header::HeaderMap;
use actix_web::http::header::HeaderValue;
use actix_web::middleware::Next;
use actix_web::web;

/// What begins like this is for pages of other origins too.
const SHARED: [&str; 4] = ["/api/", "/tiles/", "/openapi.json", "/asyncapi.yaml"];
/// What such a page may ask with, beyond what every page may.
const METHODS: &str = "GET, POST, PUT, DELETE";
const REQUEST_HEADERS: &str = "Authorization, Content-Type, Idempotency-Key, X-Request-Id, traceparent";
/// What its script may read of an answer, beyond what every script may.
const RESPONSE_HEADERS: &str = "X-Request-Id, RateLimit, RateLimit-Policy, Retry-After, Location, Idempotent-Replayed";
/// Seconds for which a browser need not ask again; browsers cut longer ones to two hours.
const MAX_AGE: &str = "7200";

/// The layer. Needs `web::Data<Auth>` in the application.
///
/// # Errors
/// Those of the service within.
pub async fn around<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    if !SHARED.iter().any(|prefix| request.path().starts_with(prefix)) {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    let auth = request.app_data::<web::Data<Auth>>();
    let origin = auth.map_or(PageOrigin::Foreign, |auth| auth.origin_of(request.request()));
    let mut response = if is_preflight(&request) {
        let answer = if matches!(origin, PageOrigin::Known(_)) { permission() } else { refusal() };
        request.into_response(answer).map_into_right_body()
    } else {
        next.call(request).await?.map_into_left_body()
    };
    name_origin(response.headers_mut(), origin);
    Ok(response)
}

/// A browser's question whether a page may make a request, ahead of that request.
fn is_preflight(request: &ServiceRequest) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The same for every path, there or not: whether there is such a thing is said to the request itself.
fn permission() -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, METHODS))
        .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, MAX_AGE))
        .finish()
}

fn refusal() -> HttpResponse {
    Problem::new(Code::Forbidden).detail("Pages of this origin may not call this server.").error_response()
}

/// The answer differs by origin, and caches must know even when none was named.
fn name_origin(headers: &mut HeaderMap, origin: PageOrigin) {
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let PageOrigin::Known(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(RESPONSE_HEADERS));
    }
}
