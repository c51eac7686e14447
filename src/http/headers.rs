//! The headers by which every answer keeps browsers from doing harm with it (OWASP secure headers).
//!
//! A handler that has set one of its own keeps it: pages have a policy that lets them load their parts, documents and
//! tiles may be kept by caches. An upgrade gets none; there is no document.

use crate::http::auth::is_localhost;
use actix_web::Error;
use actix_web::HttpRequest;
use actix_web::body::MessageBody;
use actix_web::dev::ServiceRequest;
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::http::header::HeaderMap;
use actix_web::http::header::HeaderName;
use actix_web::http::header::HeaderValue;
use actix_web::middleware::Next;

/// An answer that is no page loads nothing and is shown in nothing.
const CLOSED: &str = "default-src 'none'; frame-ancestors 'none'";
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// A year, for this very name: what its other names do is not ours to say.
const HSTS: &str = "max-age=31536000";

/// What every answer says unless it says something else itself.
static USUAL: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, CLOSED),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (OPENER_POLICY, "same-origin"),
    // Of no matter to a script that may read the answer by CORS; nobody else embeds it.
    (RESOURCE_POLICY, "same-origin"),
];

/// The layer; outside of `context`, so that refusals made there have them too.
///
/// # Errors
/// Those of the service within.
pub async fn around<B: MessageBody>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error> {
    let mut response = next.call(request).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let insists_on_tls = insists_on_tls(response.request());
        secure(response.headers_mut(), insists_on_tls);
    }
    Ok(response)
}

fn secure(headers: &mut HeaderMap, insists_on_tls: bool) {
    for (name, value) in &USUAL {
        if !headers.contains_key(name) {
            headers.insert(name.clone(), HeaderValue::from_static(value));
        }
    }
    if insists_on_tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
    }
}

/// Whether browsers are told never to come by plain HTTP again (RFC 6797). Not under the name `localhost`, which every
/// server of the machine shares; for bare addresses browsers ignore it.
fn insists_on_tls(request: &HttpRequest) -> bool {
    request.app_config().secure() && !is_localhost(request)
}
