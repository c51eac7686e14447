//! Problems as HTTP answers, and the settings that make the framework's own refusals problems too.
//!
//! The request id is put into the body by `http::context`, which sees every answer on its way out; a problem carries
//! itself along in the response's extensions for that.

use crate::protocol::problem::Code;
use crate::protocol::problem::MEDIA_TYPE;
use crate::protocol::problem::Problem;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::ResponseError;
use actix_web::error::PathError;
use actix_web::error::QueryPayloadError;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web;
use std::rc::Rc;

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut builder = HttpResponse::build(self.status_code());
        builder.content_type(MEDIA_TYPE).insert_header((header::CACHE_CONTROL, "no-store"));
        if self.status() == 401 {
            builder.insert_header((header::WWW_AUTHENTICATE, challenge(self.code)));
        }
        if let Some(seconds) = self.retry_after_s {
            builder.insert_header((header::RETRY_AFTER, seconds));
        }
        let mut response = builder.body(self.to_json(None));
        response.extensions_mut().insert(self.clone());
        response
    }
}

/// RFC 6750, section 3: the error is named only when a token was shown, which `token_expired` proves.
fn challenge(code: Code) -> &'static str {
    match code {
        Code::TokenExpired => "Bearer realm=\"beeline\", error=\"invalid_token\"",
        _ => "Bearer realm=\"beeline\"",
    }
}

/// Path parameters that cannot be read name nothing that exists: 404, the same as an unknown id.
#[must_use]
pub fn path_config() -> web::PathConfig {
    web::PathConfig::default().error_handler(|_: PathError, _: &HttpRequest| Problem::new(Code::NotFound).into())
}

/// Query parameters that cannot be read: 400 with the reason.
#[must_use]
pub fn query_config() -> web::QueryConfig {
    web::QueryConfig::default().error_handler(|error: QueryPayloadError, _: &HttpRequest| query_problem(&error).into())
}

fn query_problem(error: &QueryPayloadError) -> Problem {
    let problem = Problem::new(Code::Malformed);
    match error {
        QueryPayloadError::Deserialize(reason) => problem.detail(format!("The query cannot be read: {reason}.")),
        _ => problem.detail("The query cannot be read."),
    }
}

/// The application's `default_service`: actix asks it for paths without a route and for methods a resource has not.
pub async fn no_such_route(request: HttpRequest) -> Problem {
    match request.match_pattern() {
        Some(_) => Problem::new(Code::MethodNotAllowed),
        None => Problem::new(Code::NotFound),
    }
}

/// A resource's `default_service` that names the methods it has in `Allow`, as RFC 9110 asks of a 405.
#[must_use]
pub fn method_not_allowed(allow: impl Into<String>) -> actix_web::Route {
    let allow: Rc<str> = allow.into().into();
    web::to(move || {
        let mut response = Problem::new(Code::MethodNotAllowed).error_response();
        if let Ok(methods) = header::HeaderValue::from_str(&allow) {
            response.headers_mut().insert(header::ALLOW, methods);
        }
        std::future::ready(response)
    })
}

impl actix_web::Responder for Problem {
    type Body = actix_web::body::BoxBody;
    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.error_response()
    }
}
