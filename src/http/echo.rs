//! `/ws/echo`, for protocol conformance: sends every message back, text as text and binary as binary, to anyone.
//!
//! In no release: it is built with the feature `conformance` only, and in unit tests. It stands on the socket layer of
//! every other socket, whose frame guard, codec, outbox and warden are what a suite is to find fault with; raised are
//! only the bounds that the suite's largest messages and its slowest writers would break.

use crate::http::api::Answer;
use crate::http::api::refused;
use crate::http::socket::Bounds;
use crate::http::socket::FrameRate;
use crate::http::socket::FrameRates;
use crate::http::socket::Opening;
use crate::http::socket::Session;
use crate::http::socket::Sink;
use crate::protocol::close::CloseCode;
use actix_web::HttpRequest;
use actix_web::web;
use bytes::Bytes;
use bytestring::ByteString;
use std::time::Duration;

const UNLIMITED: FrameRate = FrameRate { burst: u32::MAX, per_s: u32::MAX };

/// Twice the largest message of the Autobahn suite. A message of 16 MiB may come in pieces of 64 bytes.
const BOUNDS: Bounds = Bounds {
    message_max_bytes: 32 * 1024 * 1024,
    fragments_max: usize::MAX,
    rates: FrameRates { control: UNLIMITED, data: UNLIMITED },
    half_frame: Some(Duration::from_secs(300)),
};

/// The route.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(web::resource("/ws/echo").route(web::get().to(echo)));
}

/// The upgrade; no token is asked for.
async fn echo(request: HttpRequest, payload: web::Payload) -> Answer {
    match Opening::check(&request) {
        Ok(opening) => Ok(opening.start(payload, Echo, &BOUNDS)),
        Err(error) => refused(&error),
    }
}

struct Echo;

impl Session for Echo {
    const BINARY: bool = true;

    fn opened(&mut self, _: &mut Sink<'_, Self>) {}

    fn text(&mut self, sink: &mut Sink<'_, Self>, text: ByteString) {
        sink.text(text);
    }

    fn binary(&mut self, sink: &mut Sink<'_, Self>, bytes: Bytes) {
        sink.binary(bytes);
    }

    fn closed(&mut self, _: Option<CloseCode>) {}
}

#[cfg(all(test, not(feature = "conformance")))]
mod tests {
    use actix_web::App;
    use actix_web::http::StatusCode;
    use actix_web::test;

    #[actix_web::test]
    async fn without_its_feature_there_is_no_echo() {
        let app = test::init_service(App::new().configure(crate::http::routes)).await;
        let upgrade = test::TestRequest::get().uri("/ws/echo").insert_header(("Upgrade", "websocket"));
        let response = test::call_service(&app, upgrade.to_request()).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }
}
