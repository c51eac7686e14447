//! Where a request carries its token: the `Authorization` header, and for upgrades the subprotocol `bearer.JWT`.
//!
//! A query string and a cookie are never looked at for a token; one found in a query is refused, valid or not, because
//! it is by then in somebody's log.

use super::verifier::Verifier;
use crate::clock;
use crate::protocol::identity::Principal;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use actix_web::HttpMessage;
use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web;

/// What extractors and upgrade handlers need: put it into the application as `web::Data<Auth>`.
#[derive(Debug, Clone)]
pub struct Auth {
    /// Believes or refuses tokens.
    pub verifier: Verifier,
    /// Web origins that may open sockets beside the server's own.
    pub origins: Vec<String>,
}

/// The verified caller of this request; remembered, so that asking again costs nothing.
pub fn principal_of(request: &HttpRequest) -> Result<Principal, Problem> {
    if let Some(known) = request.extensions().get::<Principal>() {
        return Ok(known.clone());
    }
    let auth = request.app_data::<web::Data<Auth>>().ok_or_else(|| Problem::new(Code::Internal))?;
    let now = clock::now();
    let by_header = header_token(request)?.map(|token| auth.verifier.verify(token, now)).transpose()?;
    let by_protocol = subprotocol_token(request)?.map(|token| auth.verifier.verify(token, now)).transpose()?;
    let principal = match (by_header, by_protocol) {
        (Some(header), Some(protocol)) if header.subject != protocol.subject || header.role != protocol.role => {
            return Err(
                Problem::new(Code::Unauthorized).detail("Header and subprotocol carry tokens of different people.")
            );
        }
        (Some(principal), _) | (None, Some(principal)) => principal,
        (None, None) => return Err(Problem::new(Code::Unauthorized)),
    };
    request.extensions_mut().insert(principal.clone());
    Ok(principal)
}

fn header_token(request: &HttpRequest) -> Result<Option<&str>, Problem> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION);
    let Some(value) = headers.next() else { return Ok(None) };
    if headers.next().is_some() {
        return Err(Problem::new(Code::Malformed).detail("More than one Authorization header."));
    }
    let text = value.to_str().map_err(|_| Problem::new(Code::Unauthorized))?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err(Problem::new(Code::Unauthorized)),
    }
}

/// The token among the offered subprotocols, which may stand on several header lines (RFC 6455, section 11.3.4).
fn subprotocol_token(request: &HttpRequest) -> Result<Option<&str>, Problem> {
    let upgrade = request.headers().get(header::UPGRADE).and_then(|value| value.to_str().ok());
    if !upgrade.is_some_and(|value| value.eq_ignore_ascii_case("websocket")) {
        return Ok(None);
    }
    let lines = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL).filter_map(|line| line.to_str().ok());
    let mut tokens = lines.flat_map(|line| line.split(',')).filter_map(|offer| offer.trim().strip_prefix("bearer."));
    let first = tokens.next();
    if tokens.next().is_some() {
        return Err(Problem::new(Code::Malformed).detail("More than one bearer subprotocol."));
    }
    Ok(first)
}

/// Whether a query string carries a token, by name or by look.
#[must_use]
pub fn token_in_query(query: &str) -> bool {
    if query.is_empty() {
        return false;
    }
    let pairs = web::Query::<Vec<(String, String)>>::from_query(query).map(web::Query::into_inner);
    pairs.unwrap_or_default().iter().any(|(name, value)| {
        let named = ["token", "access_token"].iter().any(|known| name.eq_ignore_ascii_case(known));
        named || looks_like_token(value)
    })
}

/// Three parts, the first of which is base64url of `{"`: no other parameter of ours looks like this.
fn looks_like_token(value: &str) -> bool {
    value.starts_with("eyJ") && value.matches('.').count() == 2
}
