//! What surrounds every request: its id, the trace it belongs to, one log line and its metrics.
//!
//! Wrap the application in `from_fn(context::around)`; only `headers` lies further out. Layers further in answer refusals with
//! `request.into_response(..)`; an `Err` they return instead leaves without a request id.

use super::auth::token_in_query;
use super::rates::Standing;
use super::upgrades;
use crate::clock;
use crate::protocol::identity::Principal;
use crate::protocol::identity::Role;
use crate::protocol::problem::Code;
use crate::protocol::problem::MEDIA_TYPE;
use crate::protocol::problem::Problem;
use crate::telemetry::Metrics;
use actix_web::Error;
use actix_web::HttpMessage;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::ResponseError;
use actix_web::body::BodySize;
use actix_web::body::EitherBody;
use actix_web::body::MessageBody;
use actix_web::dev::ServiceRequest;
use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use actix_web::http::header;
use actix_web::http::header::HeaderName;
use actix_web::http::header::HeaderValue;
use actix_web::middleware::Next;
use actix_web::web;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Characters of a request id made by others.
const REQUEST_ID_MAX: usize = 64;

/// What is known of a request before any handler sees it; in the request's extensions.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// `X-Request-Id`: the caller's own if it was sane, else a fresh UUIDv7.
    pub request_id: Arc<str>,
    /// Trace id of a valid `traceparent`.
    pub trace_id: Option<Arc<str>>,
}

/// The layer. Needs `web::Data<Metrics>` in the application for its metrics.
pub async fn around<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, String>>, Error> {
    let started = Instant::now();
    let context = RequestContext { request_id: request_id(&request), trace_id: trace_id(&request) };
    let metrics = request.app_data::<web::Data<Metrics>>().cloned();
    request.extensions_mut().insert(context.clone());
    let response = if token_in_query(request.query_string()) {
        let refusal = Problem::new(Code::Malformed).detail("A token never goes into a query string.");
        let refused = request.into_response(refusal.error_response());
        into_problem(refused.map_body(|_, _| String::new()), &refusal, &context)
    } else if let Some(refusal) = upgrades::refusal(request.headers()) {
        let refused = request.into_response(upgrades::refuse(&refusal));
        into_problem(refused.map_body(|_, _| String::new()), &refusal, &context)
    } else {
        finish(next.call(request).await?, &context)
    };
    record(&response, &context, metrics.as_ref().map(|data| data.get_ref()), started.elapsed());
    Ok(response)
}

/// Gives problems their request id, and turns bare refusals of the framework into problems.
fn finish<B: MessageBody>(
    response: ServiceResponse<B>,
    context: &RequestContext,
) -> ServiceResponse<EitherBody<B, String>> {
    let known = response.response().extensions().get::<Problem>().cloned();
    let problem = known.or_else(|| is_bare_refusal(&response).then(|| Problem::for_status(response.status().as_u16())));
    match problem {
        Some(problem) => into_problem(response.map_body(|_, _| String::new()), &problem, context),
        None => {
            let standing = response.request().extensions().get::<Standing>().copied();
            let mut response = response.map_into_left_body();
            add_headers(response.response_mut().headers_mut(), context, standing);
            response
        }
    }
}

/// An error status with no body, or with the plain text that actix makes of its own errors. A body that a handler chose
/// (JSON, a page) is left alone.
fn is_bare_refusal<B: MessageBody>(response: &ServiceResponse<B>) -> bool {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return false;
    }
    let empty = matches!(response.response().body().size(), BodySize::None | BodySize::Sized(0));
    let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    empty || content_type.is_none_or(|value| value.starts_with("text/plain"))
}

fn into_problem<B>(
    response: ServiceResponse<String>,
    problem: &Problem,
    context: &RequestContext,
) -> ServiceResponse<EitherBody<B, String>> {
    let (request, response) = response.into_parts();
    let standing = request.extensions().get::<Standing>().copied();
    let mut response: HttpResponse<String> = response.set_body(problem.to_json(Some(&context.request_id)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    add_headers(headers, context, standing);
    ServiceResponse::new(request, response.map_into_right_body())
}

fn add_headers(headers: &mut header::HeaderMap, context: &RequestContext, standing: Option<Standing>) {
    if let Some(standing) = standing {
        standing.add_headers(headers);
    }
    if let Ok(value) = HeaderValue::from_str(&context.request_id) {
        headers.insert(REQUEST_ID, value);
    }
}

fn record<B>(response: &ServiceResponse<B>, context: &RequestContext, metrics: Option<&Metrics>, took: Duration) {
    let request = response.request();
    let route = request.match_pattern();
    let route = route.as_deref().unwrap_or("unmatched");
    let method = method_label(request.method());
    let status = response.status().as_u16();
    if let Some(metrics) = metrics {
        metrics.http_answered(route, method, status, took);
    }
    let duration_ms = took.as_secs_f64() * 1_000.0;
    let request_id = &*context.request_id;
    let trace_id = context.trace_id.as_deref();
    let role = role_of(request).map(Role::as_str);
    if status >= 500 {
        tracing::warn!(method, route, status, duration_ms, request_id, trace_id, role, "request failed");
    } else if is_frequent(route, status) {
        tracing::debug!(method, route, status, duration_ms, request_id, trace_id, role, "request");
    } else {
        tracing::info!(method, route, status, duration_ms, request_id, trace_id, role, "request");
    }
}

/// Fixes and probes arrive without end; their good answers are counted, not written down.
fn is_frequent(route: &str, status: u16) -> bool {
    status < 400 && (route.ends_with("/location") || matches!(route, "/healthz" | "/health" | "/readyz" | "/metrics"))
}

fn role_of(request: &HttpRequest) -> Option<Role> {
    request.extensions().get::<Principal>().map(|principal| principal.role)
}

fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn request_id(request: &ServiceRequest) -> Arc<str> {
    let offered = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    match offered.filter(|id| is_sane_id(id)) {
        Some(id) => Arc::from(id),
        None => Arc::from(clock::fresh_id()),
    }
}

fn is_sane_id(id: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'-');
    (1..=REQUEST_ID_MAX).contains(&id.len()) && id.bytes().all(allowed)
}

fn trace_id(request: &ServiceRequest) -> Option<Arc<str>> {
    let mut lines = request.headers().get_all("traceparent");
    let only = lines.next().filter(|_| lines.next().is_none())?;
    parse_traceparent(only.to_str().ok()?).map(Arc::from)
}

/// The trace id of a `traceparent` (W3C Trace Context, section 3.2): `version-trace_id-parent_id-flags` in lower-case hex.
fn parse_traceparent(text: &str) -> Option<&str> {
    let mut parts = text.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let is_zero = |part: &str| part.bytes().all(|b| b == b'0');
    let well_formed = is_hex(version, 2) && is_hex(trace, 32) && is_hex(parent, 16) && is_hex(flags, 2);
    let ends_rightly = version != "00" || parts.next().is_none();
    (well_formed && version != "ff" && ends_rightly && !is_zero(trace) && !is_zero(parent)).then_some(trace)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
