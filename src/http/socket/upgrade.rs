//! From an HTTP request to a running session.

use super::actor::Socket;
use super::bounds::Bounds;
use super::caps::Seat;
use super::conn::Conn;
use super::egress::Egress;
use super::frame_guard::FrameGuard;
use super::session::Session;
use crate::actors::outbox::Outbox;
use actix_http::ws::Codec;
use actix_http::ws::HandshakeError;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::HttpResponseBuilder;
use actix_web::http::header::SEC_WEBSOCKET_PROTOCOL;
use actix_web::http::header::SEC_WEBSOCKET_VERSION;
use actix_web::web::Payload;
use actix_web_actors::ws::WebsocketContext;
use std::rc::Rc;
use std::sync::Arc;

/// The subprotocol of this contract. A client that offers it is answered with it.
pub const PROTOCOL: &str = "beeline.v1";

/// Why a request did not become a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// 405: only GET upgrades.
    #[error("a WebSocket is opened with GET")]
    Method,
    /// 426, with `Upgrade: websocket`: a plain request.
    #[error("this address speaks WebSocket only")]
    NotWebSocket,
    /// 426, with `Sec-WebSocket-Version: 13`: another version of the protocol.
    #[error("this server speaks WebSocket version 13")]
    Version,
    /// 400: an upgrade without its key, or over HTTP/1.0.
    #[error("the WebSocket handshake is incomplete")]
    Handshake,
    /// 503, with `Retry-After`: the server is on its way out.
    #[error("the server is restarting")]
    Draining,
    /// 500, and a bug of ours: the server was not set up with `tune`.
    #[error("the connection is not watched")]
    Unwatched,
}

impl OpenError {
    /// The HTTP status of the refusal.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            OpenError::Method => 405,
            OpenError::NotWebSocket | OpenError::Version => 426,
            OpenError::Handshake => 400,
            OpenError::Draining => 503,
            OpenError::Unwatched => 500,
        }
    }

    /// The header that must go with the refusal.
    #[must_use]
    pub const fn header(self) -> Option<(&'static str, &'static str)> {
        match self {
            OpenError::Method => Some(("Allow", "GET")),
            OpenError::NotWebSocket => Some(("Upgrade", "websocket")),
            OpenError::Version => Some(("Sec-WebSocket-Version", "13")),
            OpenError::Draining => Some(("Retry-After", "1")),
            OpenError::Handshake | OpenError::Unwatched => None,
        }
    }
}

impl From<HandshakeError> for OpenError {
    fn from(error: HandshakeError) -> Self {
        match error {
            HandshakeError::GetMethodRequired => OpenError::Method,
            HandshakeError::NoWebsocketUpgrade | HandshakeError::NoConnectionUpgrade => OpenError::NotWebSocket,
            HandshakeError::NoVersionHeader | HandshakeError::UnsupportedVersion => OpenError::Version,
            HandshakeError::BadWebsocketKey => OpenError::Handshake,
        }
    }
}

/// A request that may become a WebSocket: the handshake is sound and the server takes more.
pub struct Opening {
    response: HttpResponseBuilder,
    conn: Rc<Conn>,
}

impl Opening {
    /// Checks the handshake. Nothing has begun yet.
    ///
    /// # Errors
    /// When the request is no WebSocket upgrade, or the server is draining.
    pub fn check(request: &HttpRequest) -> Result<Self, OpenError> {
        let mut response = handshake(request)?;
        let conn = request.conn_data::<Rc<Conn>>().ok_or(OpenError::Unwatched)?;
        if conn.rails.is_draining() {
            return Err(OpenError::Draining);
        }
        if offers_protocol(request) {
            response.insert_header((SEC_WEBSOCKET_PROTOCOL, PROTOCOL));
        }
        Ok(Self { response, conn: Rc::clone(conn) })
    }

    /// Gives the socket its seat, to be kept until the connection is gone.
    #[must_use]
    pub fn seated(self, seat: Seat) -> Self {
        self.conn.take_seat(seat);
        self
    }

    /// Answers the upgrade and starts `session` on it; its outbox is made here and reached by `Sink::outbox`.
    ///
    /// Who may open it has been decided before.
    pub fn start<S: Session>(mut self, payload: Payload, session: S, bounds: &Bounds) -> HttpResponse {
        let outbox = Arc::new(Outbox::default());
        self.conn.upgrade(Arc::clone(&outbox));
        if let Some(half_frame) = bounds.half_frame {
            self.conn.half_frame.set(half_frame);
        }
        let guard = FrameGuard::new(payload, Rc::clone(&self.conn), bounds);
        let socket = Socket::new(session, Rc::clone(&self.conn), outbox);
        let frames = WebsocketContext::with_codec(socket, guard, Codec::new().max_size(bounds.message_max_bytes));
        self.response.streaming(Egress::new(frames, self.conn))
    }
}

/// Version 13 over HTTP/1.1 only (RFC 6455, sections 4.1 and 4.4). The framework would take the drafts 7 and 8 as well,
/// whose browsers name their page in another header than `Origin`, and an upgrade over HTTP/1.0, which has none.
fn handshake(request: &HttpRequest) -> Result<actix_web::HttpResponseBuilder, OpenError> {
    let response = actix_web_actors::ws::handshake(request)?;
    if request.version() != actix_web::http::Version::HTTP_11 {
        return Err(OpenError::Handshake);
    }
    let mut versions = request.headers().get_all(SEC_WEBSOCKET_VERSION);
    let is_ours = versions.next().is_some_and(|version| version.as_bytes() == b"13") && versions.next().is_none();
    if is_ours { Ok(response) } else { Err(OpenError::Version) }
}

/// Looks at every header line: the standard allows several, and the framework's own handshake reads the first only.
fn offers_protocol(request: &HttpRequest) -> bool {
    let lines = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL);
    lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')).any(|offer| offer.trim() == PROTOCOL)
}
