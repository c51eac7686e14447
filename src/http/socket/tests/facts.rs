//! Why nothing is bound to the life of a socket's actor: a fact about actix-web-actors, shown without any rail.

use super::client::*;
use actix::Actor;
use actix::AsyncContext;
use actix::StreamHandler;
use actix_web::App;
use actix_web::HttpRequest;
use actix_web::HttpServer;
use actix_web::web;
use actix_web_actors::ws;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

const BEAT: Duration = Duration::from_millis(10);

/// Sends much at each beat of its own timer.
struct Talker {
    beats: Arc<AtomicUsize>,
}

impl Actor for Talker {
    type Context = ws::WebsocketContext<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(BEAT, |talker, ctx| {
            talker.beats.fetch_add(1, Ordering::Relaxed);
            ctx.text("x".repeat(64 * 1024));
        });
    }
}

impl StreamHandler<Result<ws::Message, ws::ProtocolError>> for Talker {
    fn handle(&mut self, _: Result<ws::Message, ws::ProtocolError>, _: &mut Self::Context) {}
}

async fn talk(request: HttpRequest, payload: web::Payload, beats: web::Data<AtomicUsize>) -> actix_web::HttpResponse {
    ws::start(Talker { beats: beats.into_inner() }, &request, payload).unwrap()
}

#[actix_web::test]
async fn an_actor_whose_client_stops_reading_is_not_polled_nor_are_its_timers() {
    let beats = Arc::new(AtomicUsize::new(0));
    let shared = web::Data::from(Arc::clone(&beats));
    let server = HttpServer::new(move || App::new().app_data(shared.clone()).route("/ws", web::get().to(talk)));
    let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
    let addr = server.addrs()[0];
    actix_web::rt::spawn(server.run());

    let mut client = Client::open_narrow(addr).await;
    client.next_text().await;
    // Nothing is read from here on. The timer stands still once every buffer on the way is full; a hundred of its own
    // beats without one is proof enough, for it beat until then.
    let mut seen = 0;
    let mut quiet = 0;
    let mut pace = tokio::time::interval(BEAT);
    within(async {
        while quiet < 100 {
            pace.tick().await;
            let now = beats.load(Ordering::Relaxed);
            quiet = if now == seen { quiet + 1 } else { 0 };
            seen = now;
        }
    })
    .await;
    assert!(seen > 0);
    // It was not dead: read, and it beats again.
    within(async {
        while beats.load(Ordering::Relaxed) <= seen {
            client.next().await.unwrap();
        }
    })
    .await;
}
