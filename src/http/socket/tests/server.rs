//! A server with the rails on, whose sessions echo and can be made to misbehave.

use crate::actors::outbox::Outbox;
use crate::clock;
use crate::domain::ids::OrderId;
use crate::http::socket::Bounds;
use crate::http::socket::Caps;
use crate::http::socket::Entrant;
use crate::http::socket::OpenError;
use crate::http::socket::Opening;
use crate::http::socket::Rails;
use crate::http::socket::Session;
use crate::http::socket::Sink;
use crate::http::socket::Timings;
use crate::http::socket::Written;
use crate::http::socket::conn::Conn;
use crate::http::socket::tune;
use crate::http::socket::watch_http;
use crate::http::tls::Tls;
use crate::protocol::close::CloseCode;
use crate::protocol::problem::Problem;
use actix_web::App;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::HttpServer;
use actix_web::ResponseError;
use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::middleware::from_fn;
use actix_web::web;
use bytestring::ByteString;
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

/// Bytes of one message here.
pub const MAX_BYTES: usize = 16 * 1024;
/// Bytes of the answer at `/large`: far more than all buffers on its way hold.
pub const LARGE_BYTES: usize = 1024 * 1024;

/// What the sessions of one server have come to, seen from the test.
#[derive(Default)]
pub struct Book {
    pub outboxes: Mutex<Vec<Arc<Outbox>>>,
    pub written: Mutex<Vec<Written>>,
    pub ended: Mutex<Vec<Option<CloseCode>>>,
}

impl Book {
    /// The outbox of the newest session.
    pub fn newest(&self) -> Arc<Outbox> {
        Arc::clone(self.outboxes.lock().last().expect("a session"))
    }
}

pub struct Server {
    pub addr: SocketAddr,
    pub rails: Arc<Rails>,
    pub book: Arc<Book>,
    pub handle: ServerHandle,
}

impl Server {
    pub fn start() -> Self {
        Self::with(Timings::default())
    }

    pub fn with(timings: Timings) -> Self {
        Self::on_threads(1, timings)
    }

    pub fn on_threads(threads: usize, timings: Timings) -> Self {
        Self::build(threads, timings, Caps::default(), None)
    }

    /// Whoever calls itself `driver...` in the header `who` lets its oldest socket give way.
    pub fn capped(timings: Timings, caps: Caps) -> Self {
        Self::build(1, timings, caps, None)
    }

    /// The usual one behind TLS.
    pub fn over_tls(timings: Timings, tls: &Tls) -> Self {
        Self::build(1, timings, Caps::default(), Some(tls))
    }

    fn build(threads: usize, timings: Timings, caps: Caps, tls: Option<&Tls>) -> Self {
        let rails = Arc::new(Rails::new(timings));
        let caps = Arc::new(caps);
        let book = Arc::new(Book::default());
        let shared = web::Data::from(Arc::clone(&book));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .app_data(web::Data::from(Arc::clone(&caps)))
                .wrap(from_fn(watch_http))
                .route("/ws", web::route().to(upgrade))
                .configure(crate::http::echo::configure)
                .route("/upload", web::post().to(|body: web::Bytes| async move { body.len().to_string() }))
                .route("/large", web::get().to(|| async { web::Bytes::from_static(&[b'x'; LARGE_BYTES]) }))
                .route("/thoughts", web::get().to(think))
        });
        let server = tune(server, &rails, Duration::from_secs(1)).workers(threads);
        let bound = match tls {
            None => server.bind("127.0.0.1:0"),
            Some(tls) => server.bind_rustls_0_23("127.0.0.1:0", tls.server_config()),
        };
        let server = bound.unwrap();
        let addr = server.addrs()[0];
        let running = server.run();
        let handle = running.handle();
        actix_web::rt::spawn(running);
        Self { addr, rails, book, handle }
    }
}

/// Answers after three seconds.
async fn think() -> &'static str {
    tokio::time::sleep(Duration::from_secs(3)).await;
    "so it is"
}

async fn upgrade(
    request: HttpRequest,
    payload: web::Payload,
    book: web::Data<Book>,
    caps: web::Data<Caps>,
) -> HttpResponse {
    let opening = match Opening::check(&request) {
        Ok(opening) => opening,
        Err(error) => return refusal(error),
    };
    if request.query_string() == "encrypted" {
        request.conn_data::<Rc<Conn>>().unwrap().encrypted.set(true);
    }
    let who = request.headers().get("who").map_or("nobody", |who| who.to_str().unwrap()).to_owned();
    let address = request.peer_addr().unwrap().ip();
    let entrant = Entrant { oldest_gives_way: who.starts_with("driver"), principal: who, address };
    match caps.into_inner().enter(entrant) {
        Ok(seat) => {
            let session = Echo { book: book.into_inner(), blind: false };
            opening.seated(seat).start(payload, session, &Bounds::of_messages(MAX_BYTES))
        }
        Err(crowded) => Problem::from(crowded).error_response(),
    }
}

fn refusal(error: OpenError) -> HttpResponse {
    let mut response = HttpResponse::build(StatusCode::from_u16(error.status()).unwrap());
    if let Some(header) = error.header() {
        response.insert_header(header);
    }
    response.body(error.to_string())
}

struct Echo {
    book: Arc<Book>,
    /// Once told so, positions are none of its client's business.
    blind: bool,
}

impl Session for Echo {
    fn opened(&mut self, sink: &mut Sink<'_, Self>) {
        self.book.outboxes.lock().push(Arc::clone(sink.outbox()));
    }

    fn text(&mut self, sink: &mut Sink<'_, Self>, text: ByteString) {
        match &*text {
            "panic" => panic!("a bug, on purpose"),
            "panic in a task" => sink.spawn(async { panic!("a bug, on purpose") }, |_, _, ()| ()),
            "slowly" => sink.spawn(async { tokio::task::yield_now().await }, |_, sink, ()| sink.text("done")),
            "expire" => sink.expires_at(clock::now()),
            "give up" => {
                sink.outbox().close(CloseCode::Replaced, "another");
            }
            "blind" => {
                self.blind = true;
                sink.text("blind");
            }
            "leave" => sink.close(CloseCode::Forbidden, "é".repeat(100)),
            quiet if quiet.starts_with('-') => {}
            "never" => sink.spawn(std::future::pending::<()>(), |_, _, ()| ()),
            _ => sink.text(text),
        }
    }

    fn may_see(&self, _: &OrderId) -> bool {
        !self.blind
    }

    fn wrote(&mut self, _: &mut Sink<'_, Self>, written: Written) {
        self.book.written.lock().push(written);
    }

    fn ack(&mut self, sink: &mut Sink<'_, Self>, up_to: i64, conflated: Vec<i64>) {
        sink.text(format!("ack {up_to} {conflated:?}"));
    }

    fn poked(&mut self, sink: &mut Sink<'_, Self>) {
        sink.text("poked");
    }

    fn closed(&mut self, code: Option<CloseCode>) {
        self.book.ended.lock().push(code);
    }
}

/// Pushes a numbered newest frame of about 160 bytes, as a position is.
pub fn push_position(outbox: &Outbox, order: &OrderId, number: u32) -> bool {
    outbox.latest(order, format!("{number:0>160}").into(), Instant::now())
}

/// Pushes up to so many positions, each after the one before was written; how many were before nothing is any more.
pub async fn fill(outbox: &Outbox, most: u32) -> u32 {
    const STUCK: Duration = Duration::from_millis(200);
    for number in 0..most {
        push_position(outbox, &order("o-1"), number);
        let written = async {
            while outbox.is_ringing() {
                tokio::task::yield_now().await;
            }
        };
        if tokio::time::timeout(STUCK, written).await.is_err() {
            return number;
        }
    }
    most
}

pub fn order(name: &str) -> OrderId {
    OrderId::parse(name).unwrap()
}
