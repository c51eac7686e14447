//! Sets an `HttpServer` up for the rails, and watches plain HTTP on the same connections.

use super::conn::Conn;
use super::rails::Rails;
use super::tick::tick;
use super::warden;
use actix_http::Request;
use actix_http::Response;
use actix_service::IntoServiceFactory;
use actix_service::Service;
use actix_service::ServiceFactory;
use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::Error;
use actix_web::HttpMessage as _;
use actix_web::HttpServer;
use actix_web::body::BodySize;
use actix_web::body::MessageBody;
use actix_web::dev::AppConfig;
use actix_web::dev::Payload;
use actix_web::dev::ServiceRequest;
use actix_web::dev::ServiceResponse;
use actix_web::http::ConnectionType;
use actix_web::middleware::Next;
use actix_web::rt::net::TcpStream;
use bytes::Bytes;
use futures_util::StreamExt;
use std::any::Any;
use std::fmt::Debug;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

/// Bytes of response the dispatcher gathers before it writes; more would be frames that no longer conflate.
const WRITE_BUFFER_BYTES: usize = 4 * 1024;
/// The first request's head must have come by then.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection on which nothing comes is kept for another request; the warden ends one on which something does.
const KEEP_ALIVE: Duration = Duration::from_secs(4);
/// Bytes of a response handed to the dispatcher at a time: what a large response has not been asked for yet shows that
/// the client has not read it, and is not held twice.
const PIECE_BYTES: usize = 32 * 1024;
/// How long the dispatcher reads on, and throws away, after our last byte.
const LINGER: Duration = Duration::from_secs(1);
/// Seconds beyond the drain's window after which a stopping server drops what is left.
const SHUTDOWN_SLACK_S: u64 = 5;

/// Puts every connection of `server` under watch, with the settings that the rails rely on. Before any `bind`: a
/// listener keeps the settings it was bound with.
///
/// `drain` is the window that will be given to [`Rails::drain`]. Signals are the caller's affair.
pub fn tune<F, I, S, B>(server: HttpServer<F, I, S, B>, rails: &Arc<Rails>, drain: Duration) -> HttpServer<F, I, S, B>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<Error> + 'static,
    S::InitError: Debug,
    S::Response: Into<Response<B>> + 'static,
    <S::Service as Service<Request>>::Future: 'static,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    let rails = Arc::clone(rails);
    server
        .on_connect(move |io, extensions| {
            let Some(stream) = tcp_of(io) else { return };
            match Conn::adopt(stream, Arc::clone(&rails)) {
                Ok(conn) => {
                    conn.encrypted.set(!io.is::<TcpStream>());
                    let conn = Rc::new(conn);
                    warden::watch(&conn);
                    extensions.insert(conn);
                }
                // The peer is gone already; without a record an upgrade is refused.
                Err(error) => tracing::debug!(%error, "a connection could not be set up"),
            }
        })
        .h1_write_buffer_size(WRITE_BUFFER_BYTES)
        .h1_allow_half_closed(false)
        .client_request_timeout(HEAD_TIMEOUT)
        .client_disconnect_timeout(LINGER)
        .keep_alive(KEEP_ALIVE)
        .disable_signals()
        .shutdown_timeout(drain.as_secs() + SHUTDOWN_SLACK_S)
}

/// The TCP connection itself, under TLS or not.
fn tcp_of(io: &dyn Any) -> Option<&TcpStream> {
    let plain = io.downcast_ref::<TcpStream>();
    plain.or_else(|| io.downcast_ref::<TlsStream<TcpStream>>().map(|tls| tls.get_ref().0))
}

/// Middleware, for `actix_web::middleware::from_fn`, outermost: tells the warden that a request has come, and that its
/// bodies move. Without it a connection is reset 30 s after it was accepted. After an answer with `Connection: close`
/// nothing more is answered, whatever the client had sent in advance.
///
/// # Errors
/// Those of the service within.
pub async fn watch_http<B: MessageBody>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<Watched<B>>, Error> {
    let conn = request.conn_data::<Rc<Conn>>().cloned();
    if let Some(conn) = conn.as_ref().filter(|_| !request.head().upgrade()) {
        let reader = Rc::clone(conn);
        let payload = request.take_payload().inspect(move |_| reader.last_in.set(tick()));
        request.set_payload(Payload::Stream { payload: Box::pin(payload) });
    }
    if conn.as_ref().is_some_and(|conn| conn.said_last.get()) {
        // The framework goes on with what it had read before: its task is dropped here as the connection ends.
        return std::future::pending().await;
    }
    let under_way = conn.map(UnderWay::begin);
    let response = next.call(request).await?;
    if let Some(UnderWay(conn)) = &under_way {
        conn.said_last.set(response.response().head().connection_type() == ConnectionType::Close);
    }
    Ok(response.map_body(|_, body| Watched { body: Box::pin(body), rest: Bytes::new(), under_way }))
}

/// A request from its head to the end of its response, or until it is given up.
struct UnderWay(Rc<Conn>);

impl UnderWay {
    fn begin(conn: Rc<Conn>) -> Self {
        conn.request_began();
        Self(conn)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.request_ended();
    }
}

/// A response body whose progress the warden sees.
pub struct Watched<B> {
    body: Pin<Box<B>>,
    /// Of the last piece of the body, what has not been handed over yet.
    rest: Bytes,
    under_way: Option<UnderWay>,
}

impl<B: MessageBody> MessageBody for Watched<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let conn = self.under_way.as_ref().map(|under_way| &under_way.0);
        let Some(conn) = conn.filter(|conn| conn.outbox().is_none()) else {
            return self.body.as_mut().poll_next(cx);
        };
        conn.last_in.set(tick());
        if self.rest.is_empty() {
            match self.body.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(bytes))) => self.rest = bytes,
                other => return other,
            }
        }
        let piece = self.rest.len().min(PIECE_BYTES);
        Poll::Ready(Some(Ok(self.rest.split_to(piece))))
    }
}
