//! Rows 21 to 23: clients that do not read, that send a byte now and then, that flood or never answer.
//!
//! The figures for a thousand stalled readers are taken by the load generator; here a few dozen show that each kind of
//! client is ended in time and that nobody else feels it.

use crate::bare::Bare;
use crate::bare::CLOSE;
use crate::bare::Ending;
use crate::bare::FIN;
use crate::bare::PING;
use crate::bare::TEXT;
use crate::bare::close_code;
use crate::bare::frame;
use crate::bare::header;
use crate::evidence::median;
use crate::evidence::resident_kib;
use crate::support::CENTRE;
use crate::support::Claims;
use crate::support::Customer;
use crate::support::Driver;
use crate::support::Server;
use crate::support::UNLIMITED;
use crate::support::until;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

const MANY_SOCKETS: [(&str, &str); 2] =
    [("BEELINE_MAX_SOCKETS_PER_PRINCIPAL", "0"), ("BEELINE_MAX_SOCKETS_PER_ADDRESS", "0")];
/// By the list of attacks.
const EVICTED_WITHIN: Duration = Duration::from_secs(35);
const STALLED: usize = 40;
const SIPPING: usize = 10;

/// A customer's socket that follows an order and has a receive buffer of a few kilobytes.
async fn follower(server: &Server, order_id: &str) -> Bare {
    let token = server.token(&Claims::of("customer", "c-1"));
    let mut socket = Bare::connect_with(server, Some(4_096)).await.upgrade("/ws/customer", &token).await;
    socket.wait_for("welcome").await;
    socket.text(&json!({ "type": "subscribe", "order_id": order_id })).await;
    socket.wait_for("order").await;
    socket
}

/// Drives up and down as fast as the store takes it, until told to stop.
fn drive(mut driver: Driver, stop: Arc<AtomicBool>) -> tokio::task::JoinHandle<Driver> {
    tokio::spawn(async move {
        let mut step = 0_u32;
        let mut beat = tokio::time::interval(Duration::from_millis(5));
        while !stop.load(Ordering::Relaxed) {
            beat.tick().await;
            step += 1;
            driver.at(CENTRE.north(f64::from(step % 200))).await;
            driver.socket.listen(Duration::ZERO).await;
        }
        driver
    })
}

/// Milliseconds from a fix's timestamp to its arrival, for a while.
async fn ages(screen: &mut crate::support::Socket, time: Duration) -> Vec<i64> {
    screen.listen(Duration::ZERO).await;
    let mut ages = Vec::new();
    let began = Instant::now();
    while began.elapsed() < time {
        let seen = screen.wait_for("location").await;
        ages.push(seen["age_ms"].as_i64().unwrap());
    }
    ages
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_21_those_who_do_not_read_are_ended_and_nobody_else_feels_it() {
    let server = Server::with(&[&UNLIMITED[..], &MANY_SOCKETS[..]].concat()).await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE.north(300.0), CENTRE.north(900.0)).await;
    driver.take(&order_id).await;
    let mut healthy = customer.follow(&order_id).await;
    let stop = Arc::new(AtomicBool::new(false));
    let driving = drive(driver, stop.clone());
    let mut before = ages(&mut healthy, Duration::from_secs(2)).await;

    let memory = resident_kib(&server);
    let mut stalled = Vec::new();
    for _ in 0..STALLED + SIPPING {
        stalled.push(follower(&server, &order_id).await);
    }
    let began = Instant::now();
    let sipping: Vec<Bare> = stalled.split_off(STALLED);
    // One byte a second, which is as good as none.
    let sipping = sipping.into_iter().map(|mut socket| {
        tokio::spawn(async move {
            let mut beat = tokio::time::interval(Duration::from_secs(1));
            while began.elapsed() < EVICTED_WITHIN + Duration::from_secs(5) {
                beat.tick().await;
                if !matches!(socket.sip(1).await, Ok(1)) {
                    return began.elapsed();
                }
            }
            began.elapsed()
        })
    });
    let sipping: Vec<_> = sipping.collect();
    let mut during = ages(&mut healthy, Duration::from_secs(2)).await;
    let gone = || async { (server.metric(r#"beeline_sessions{role="customer"}"#).await <= 1.0).then_some(()) };
    while began.elapsed() < EVICTED_WITHIN && gone().await.is_none() {
        ages(&mut healthy, Duration::from_millis(500)).await;
    }
    assert!(gone().await.is_some(), "not all of them are gone after {EVICTED_WITHIN:?}");
    let growth = resident_kib(&server).saturating_sub(memory);
    for ended in sipping {
        // What lay in its own buffer is drunk to the end before it sees the reset.
        ended.await.unwrap();
    }
    assert!(growth < 16 * 1_024, "{growth} KiB for {} of them", STALLED + SIPPING);
    let (before, during) = (median(&mut before), median(&mut during));
    assert!(during <= before + 50, "a healthy one saw positions of {before} ms before and {during} ms beside them");
    stop.store(true, Ordering::Relaxed);
    driving.await.unwrap();
    assert!(healthy.every("location").len() > 100);
}

/// Until the server hangs up, sends one more piece of `pieces` each second. How long it took, and what it said.
async fn drip(server: &Server, pieces: impl Iterator<Item = String>) -> (Duration, String) {
    let mut connection = Bare::connect(server).await;
    let began = Instant::now();
    let mut said = String::new();
    for piece in pieces {
        let sent = connection.try_send(&piece).await;
        let (text, ended) = connection.rest(Duration::from_secs(1)).await;
        said = text;
        if ended || sent.is_err() {
            return (began.elapsed(), said);
        }
        assert!(began.elapsed() < Duration::from_secs(20), "still open");
    }
    (began.elapsed(), said)
}

#[tokio::test]
async fn row_22_silence_and_headers_a_second_apart_are_ended_within_five_seconds() {
    let server = Server::start().await;
    let request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n".to_owned();
    let headers = (0..60).map(|number| format!("X-Slow-{number}: 1\r\n"));
    let kinds: [(&str, Box<dyn Iterator<Item = String>>); 4] = [
        ("silence", Box::new(std::iter::repeat_n(String::new(), 60))),
        ("one header a second", Box::new(std::iter::once(request.clone()).chain(headers))),
        (
            "one byte a second",
            Box::new(request.clone().into_bytes().into_iter().map(|byte| char::from(byte).to_string())),
        ),
        ("half a request", Box::new(std::iter::once(request).chain(std::iter::repeat_n(String::new(), 60)))),
    ];
    let tries = kinds.map(|(what, pieces)| {
        let server = &server;
        async move { (what, drip(server, pieces).await) }
    });
    for (what, (took, said)) in futures_util::future::join_all(tries).await {
        assert!(took < Duration::from_millis(7_000), "{what}: {took:?}");
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{what}: {said}");
    }
}

#[tokio::test]
async fn row_22_a_second_request_on_the_same_connection_gets_no_more_time() {
    let server = Server::start().await;
    let slow_head = async {
        let mut connection = Bare::connect(&server).await;
        connection.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert_eq!(connection.answer().await.status, 200);
        let began = Instant::now();
        connection.send("GET /healthz HTTP/1.1\r\nHo").await;
        while began.elapsed() < Duration::from_secs(40) {
            let (_, ended) = connection.rest(Duration::from_secs(1)).await;
            if ended || connection.try_send("s").await.is_err() {
                break;
            }
        }
        began.elapsed()
    };
    let idle = async {
        let mut connection = Bare::connect(&server).await;
        connection.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert_eq!(connection.answer().await.status, 200);
        let began = Instant::now();
        connection.rest(Duration::from_secs(40)).await;
        began.elapsed()
    };
    let (slow_head, idle) = tokio::join!(slow_head, idle);
    assert!(idle < Duration::from_secs(8), "an idle connection was kept {idle:?}");
    assert!(slow_head < Duration::from_secs(35), "a slow second head was borne {slow_head:?}");
}

async fn socket(server: &Server) -> Bare {
    socket_of(server, "c-1").await
}

async fn socket_of(server: &Server, subject: &str) -> Bare {
    let mut socket = Bare::socket(server, "/ws/customer", &server.token(&Claims::of("customer", subject))).await;
    socket.wait_for("welcome").await;
    socket
}

#[tokio::test]
async fn row_22_half_a_frame_and_then_nothing_is_ended_by_1008() {
    let server = Server::start().await;
    let whole = frame(FIN | TEXT, br#"{"type":"dance"}"#);
    let halves = [
        ("one byte of a header", whole[..1].to_vec()),
        ("a header without its mask", whole[..4].to_vec()),
        ("half a payload", whole[..whole.len() - 3].to_vec()),
        ("a long length cut off", header(FIN | TEXT, 1_000)[..3].to_vec()),
        ("a message that was begun", frame(TEXT, b"{")),
    ];
    let tries = halves.map(|(what, bytes)| {
        let server = &server;
        async move {
            let mut socket = socket(server).await;
            socket.send(bytes).await;
            (what, socket.ended(Duration::from_secs(30)).await)
        }
    });
    for (what, ending) in futures_util::future::join_all(tries).await {
        assert_eq!(ending.code, Some(1008), "{what}");
        assert!(ending.after < Duration::from_secs(10), "{what}: {:?}", ending.after);
    }
    // A byte a second of one frame is the same.
    let mut socket = socket(&server).await;
    let began = Instant::now();
    for byte in whole {
        if socket.try_send([byte]).await.is_err() {
            break;
        }
        if let Some(frame) = socket.next(Instant::now() + Duration::from_secs(1)).await {
            socket.frames.push(frame);
            break;
        }
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn row_23_a_flood_of_pings_is_ended_with_4429() {
    let server = Server::start().await;
    let mut socket = socket(&server).await;
    let many: Vec<u8> = std::iter::repeat_n(frame(FIN | PING, b"are you there?"), 10_000).flatten().collect();
    let _ = socket.try_send(many).await;
    let ending = socket.ended(Duration::from_secs(10)).await;
    assert_eq!(ending.code, Some(4429));
    assert!(socket.frames.len() < 5_000, "{} of them were answered", socket.frames.len());
    until("counted", || async {
        (server.metric(r#"beeline_evictions_total{reason="too_many"}"#).await >= 1.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn row_23_a_few_pings_are_nobodys_harm() {
    let server = Server::start().await;
    let mut socket = socket(&server).await;
    let mut beat = tokio::time::interval(Duration::from_millis(500));
    for number in 0..8_u8 {
        beat.tick().await;
        socket.send(frame(FIN | PING, &[number])).await;
        let pong = socket.wait("a pong", |frame| frame.opcode == crate::bare::PONG).await;
        assert_eq!(pong.payload, [number]);
    }
}

#[tokio::test]
async fn row_23_a_flood_of_messages_is_ended_with_4429() {
    let server = Server::with(&[("BEELINE_RATE_BROWSE", "50/m")]).await;
    let wish = json!({ "type": "subscribe", "order_id": "none" });
    // One after another, each answered before the next.
    let mut patient = socket(&server).await;
    let mut done = 0;
    let mut refused = 0;
    let ending = loop {
        if patient.try_send(frame(FIN | TEXT, wish.to_string().as_bytes())).await.is_err() || done + refused > 400 {
            break patient.ended(Duration::from_secs(5)).await;
        }
        let Some(answer) = patient.next(Instant::now() + Duration::from_secs(5)).await else { panic!("no answer") };
        match (answer.opcode, answer.json()["code"].as_str()) {
            (TEXT, Some("not_found")) => done += 1,
            (TEXT, Some("too_many")) => refused += 1,
            (PING, _) => {}
            (CLOSE, _) => break Ending { code: close_code(&answer), after: Duration::ZERO },
            _ => panic!("{answer:?}"),
        }
    };
    assert_eq!(ending.code, Some(4429), "{done} done and {refused} refused");
    // One of the fifty was the upgrade; some came back meanwhile.
    assert!((49..80).contains(&done) && (50..200).contains(&refused), "{done} done and {refused} refused");
    // All at once.
    let mut hasty = socket_of(&server, "c-2").await;
    let many: Vec<u8> = std::iter::repeat_n(frame(FIN | TEXT, wish.to_string().as_bytes()), 5_000).flatten().collect();
    let _ = hasty.try_send(many).await;
    assert_eq!(hasty.ended(Duration::from_secs(15)).await.code, Some(4429));
    let done = hasty.frames.iter().filter(|frame| frame.json()["code"] == "not_found").count();
    assert!(done < 80, "{done} were done");
}

#[tokio::test]
async fn row_23_who_never_answers_a_ping_is_dead_after_two() {
    let server = Server::start().await;
    let mut socket = socket(&server).await;
    let ending = socket.ended(Duration::from_secs(50)).await;
    assert_eq!(ending.code, Some(4408));
    assert!((Duration::from_secs(28)..Duration::from_secs(40)).contains(&ending.after), "{:?}", ending.after);
    let pings = socket.frames.iter().filter(|frame| frame.opcode == PING).count();
    assert!((1..=2).contains(&pings), "{pings}");
}
