//! Upgrades this server does not speak, and those that are not what they look like: refused with 400, and the connection
//! with them.
//!
//! HTTP lets a server ignore an upgrade it does not know. A proxy in front that believes in it does not: from then on it
//! passes bytes through unseen (`h2c` smuggling). Nor do two readers agree on where an upgrade ends that has a body. The
//! preface of HTTP/2 and a request with two lengths never come this far: the framework refuses them.

use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use actix_web::HttpResponse;
use actix_web::ResponseError;
use actix_web::http::ConnectionType;
use actix_web::http::header;
use actix_web::http::header::HeaderMap;

/// Why a request with these headers is refused, whoever asks.
#[must_use]
pub fn refusal(headers: &HeaderMap) -> Option<Problem> {
    let mut offers = headers.get_all(header::UPGRADE);
    let offer = offers.next()?;
    let is_websocket = offer.to_str().is_ok_and(|offer| offer.trim().eq_ignore_ascii_case("websocket"));
    if !is_websocket || offers.next().is_some() {
        return Some(Problem::new(Code::Malformed).detail("The only upgrade from here is to websocket."));
    }
    let has_length = headers.get_all(header::CONTENT_LENGTH).any(|length| length.as_bytes() != b"0");
    let has_body = has_length || headers.contains_key(header::TRANSFER_ENCODING);
    has_body.then(|| Problem::new(Code::Malformed).detail("An upgrade has no body."))
}

/// The answer, after which the connection is closed.
#[must_use]
pub fn refuse(problem: &Problem) -> HttpResponse {
    let mut response = problem.error_response();
    response.head_mut().set_connection_type(ConnectionType::Close);
    response
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderName;

    fn is_refused(lines: &[(&str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        refusal(&headers).is_some_and(|problem| problem.status() == 400)
    }

    #[test]
    fn websocket_alone_and_without_a_body_may_pass() {
        assert!(!is_refused(&[]));
        assert!(!is_refused(&[("content-length", "5")]));
        for offer in ["websocket", "WebSocket", " websocket "] {
            assert!(!is_refused(&[("upgrade", offer)]), "{offer}");
        }
        assert!(!is_refused(&[("upgrade", "websocket"), ("content-length", "0")]));
        for offer in ["h2c", "HTTP/2.0", "", "websocket, h2c", "h2c, websocket", "TLS/1.0"] {
            assert!(is_refused(&[("upgrade", offer)]), "{offer}");
        }
        assert!(is_refused(&[("upgrade", "websocket"), ("upgrade", "h2c")]));
        assert!(is_refused(&[("upgrade", "websocket"), ("content-length", "5")]));
        assert!(is_refused(&[("upgrade", "websocket"), ("transfer-encoding", "chunked")]));
    }

    #[test]
    fn the_connection_ends_with_the_refusal() {
        let answer = refuse(&Problem::new(Code::Malformed));
        assert_eq!(answer.head().connection_type(), ConnectionType::Close);
    }
}
