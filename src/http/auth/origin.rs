//! Where a request comes from. Browsers send `Origin` with every socket and let any page open one, so the server decides;
//! with calls of other pages they ask first (CORS, `http::cors`).

use super::extract::Auth;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::http::header::HeaderValue;

/// Where the page that made a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageOrigin {
    /// Nothing is said: no page of a browser, or one of this server that only reads.
    Unsaid,
    /// The server's own or a configured origin, as the browser wrote it.
    Known(HeaderValue),
    /// Any other, or more than one.
    Foreign,
}

impl Auth {
    /// Compares `Origin` with the server's own and the configured ones.
    #[must_use]
    pub fn origin_of(&self, request: &HttpRequest) -> PageOrigin {
        let mut origins = request.headers().get_all(header::ORIGIN);
        let Some(origin) = origins.next() else { return PageOrigin::Unsaid };
        let only = origins.next().is_none();
        let known = origin.to_str().is_ok_and(|text| {
            let text = text.to_ascii_lowercase();
            self.origins.contains(&text) || is_own(request, &text)
        });
        if only && known { PageOrigin::Known(origin.clone()) } else { PageOrigin::Foreign }
    }

    /// Refuses an upgrade from a page of another origin than the server's own or a configured one.
    ///
    /// A request without `Origin` is no browser's and passes: it proves itself by its token.
    pub fn check_origin(&self, request: &HttpRequest) -> Result<(), Problem> {
        match self.origin_of(request) {
            PageOrigin::Unsaid | PageOrigin::Known(_) => Ok(()),
            PageOrigin::Foreign => {
                Err(Problem::new(Code::Forbidden).detail("This page's origin may not open sockets here."))
            }
        }
    }
}

/// Whether the origin is the host that was asked for. Where this server speaks TLS itself the page must have come by it
/// too; elsewhere the scheme is left out, for behind a proxy that ends TLS it differs.
fn is_own(request: &HttpRequest, origin: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let default_port = match scheme {
        "http" if !request.app_config().secure() => ":80",
        "https" => ":443",
        _ => return false,
    };
    host(request).is_some_and(|host| {
        let host = host.to_ascii_lowercase();
        let plain = |name: &str| name.strip_suffix(default_port).unwrap_or(name).to_owned();
        !authority.is_empty() && plain(&host) == plain(authority)
    })
}

/// Whether the request was addressed to this machine by a loopback name.
///
/// A page elsewhere can make its own name resolve to 127.0.0.1 and then read what a loopback server says (DNS
/// rebinding). Its name stays in `Host`; what hands out ready tokens asks this first.
#[must_use]
pub fn is_loopback_host(request: &HttpRequest) -> bool {
    let is_loopback_address = |name: &str| name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    is_localhost(request) || host_name(request).is_some_and(is_loopback_address)
}

/// Whether the request was addressed to `localhost` by that name.
#[must_use]
pub fn is_localhost(request: &HttpRequest) -> bool {
    host_name(request).is_some_and(|name| name.eq_ignore_ascii_case("localhost"))
}

/// The host that was asked for, without port and brackets.
fn host_name(request: &HttpRequest) -> Option<&str> {
    let host = host(request)?;
    let without_port = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    Some(without_port.trim_start_matches('[').trim_end_matches(']'))
}

fn host(request: &HttpRequest) -> Option<&str> {
    let from_header = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    from_header.or_else(|| request.uri().authority().map(actix_web::http::uri::Authority::as_str))
}
