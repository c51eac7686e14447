//! Where an upgrade comes from. Browsers send `Origin` with every socket and let any page open one, so the server decides.

use super::extract::Auth;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use actix_web::HttpRequest;
use actix_web::http::header;

impl Auth {
    /// Refuses an upgrade from a page of another origin than the server's own or a configured one.
    ///
    /// A request without `Origin` is no browser's and passes: it proves itself by its token.
    pub fn check_origin(&self, request: &HttpRequest) -> Result<(), Problem> {
        let mut origins = request.headers().get_all(header::ORIGIN);
        let Some(origin) = origins.next() else { return Ok(()) };
        let only = origins.next().is_none();
        let allowed = origin.to_str().is_ok_and(|origin| {
            let origin = origin.to_ascii_lowercase();
            self.origins.contains(&origin) || is_own(request, &origin)
        });
        if only && allowed {
            Ok(())
        } else {
            Err(Problem::new(Code::Forbidden).detail("This page's origin may not open sockets here."))
        }
    }
}

/// Whether the origin is the host that was asked for. The scheme is left out: behind a proxy that ends TLS it differs.
fn is_own(request: &HttpRequest, origin: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let default_port = match scheme {
        "http" => ":80",
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
    let Some(host) = host(request) else { return false };
    let without_port = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = without_port.trim_start_matches('[').trim_end_matches(']');
    let is_loopback_address = name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    name.eq_ignore_ascii_case("localhost") || is_loopback_address
}

fn host(request: &HttpRequest) -> Option<&str> {
    let from_header = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    from_header.or_else(|| request.uri().authority().map(actix_web::http::uri::Authority::as_str))
}
