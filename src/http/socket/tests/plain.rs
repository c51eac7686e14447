//! Plain HTTP on the same connections: heads that never come to their end, and what takes long for good reason.

use super::client::*;
use super::server::LARGE_BYTES;
use super::server::Server;
use crate::http::socket::Timings;
use socket2::SockRef;
use std::net::Shutdown;
use std::time::Duration;
use std::time::Instant;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::time::interval;

const SHORT: Duration = Duration::from_secs(1);
/// What five seconds may come to on a busy machine.
const FIVE_S: Duration = Duration::from_millis(5_900);
const GET: &str = "GET /large HTTP/1.1\r\nHost: x\r\n";
const EMPTY_POST: &str = "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n";

/// Sends a header line each second until the connection ends; all that came back, and after how long.
async fn drip(stream: &mut TcpStream, beginning: &str) -> (String, Duration) {
    let since = Instant::now();
    let (mut reader, mut writer) = stream.split();
    let drops = async {
        writer.write_all(beginning.as_bytes()).await?;
        let mut pace = interval(Duration::from_secs(1));
        for number in 0.. {
            pace.tick().await;
            writer.write_all(format!("X-{number}: y\r\n").as_bytes()).await?;
        }
        Ok::<_, std::io::Error>(())
    };
    let read = async {
        let mut heard = Vec::new();
        // A reset is an end like any other.
        let _ = reader.read_to_end(&mut heard).await;
        heard
    };
    let heard = within(async {
        let (read, drops) = (std::pin::pin!(read), std::pin::pin!(drops));
        match futures_util::future::select(read, drops).await {
            futures_util::future::Either::Left((heard, _)) => heard,
            futures_util::future::Either::Right((_, read)) => read.await,
        }
    })
    .await;
    (String::from_utf8(heard).unwrap(), since.elapsed())
}

#[actix_web::test]
async fn a_connection_on_which_nothing_comes_is_answered_408_within_five_seconds() {
    let server = Server::start();
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let since = Instant::now();
    let mut heard = String::new();
    within(stream.read_to_string(&mut heard)).await.unwrap();
    assert!(heard.starts_with("HTTP/1.1 408 "), "{heard}");
    assert!(since.elapsed() < FIVE_S, "{:?}", since.elapsed());
}

#[actix_web::test]
async fn a_header_each_second_is_answered_408_within_five_seconds() {
    let server = Server::start();
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let (heard, after) = drip(&mut stream, GET).await;
    assert!(heard.starts_with("HTTP/1.1 408 "), "{heard}");
    assert!(after < FIVE_S, "{after:?}");
}

#[actix_web::test]
async fn a_header_each_second_holds_a_used_connection_no_longer() {
    let server = Server::start();
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let head = request(&mut stream, EMPTY_POST).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let (_, after) = drip(&mut stream, GET).await;
    assert!(after < FIVE_S, "{after:?}");
    assert_eq!(server.rails.state().slow_head, 1);
}

#[actix_web::test]
async fn a_connection_is_kept_for_the_next_request() {
    // The framework's own clock, and not the warden's.
    let server = Server::with(Timings { http_between: Duration::from_secs(60), ..Timings::default() });
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let mut pace = interval(Duration::from_secs(2));
    for _ in 0..3 {
        pace.tick().await;
        let head = request(&mut stream, EMPTY_POST).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        // The body: "0".
        within(stream.read_u8()).await.unwrap();
    }
    let since = Instant::now();
    within(stream.read_to_end(&mut Vec::new())).await.unwrap();
    assert!(since.elapsed() < FIVE_S, "and no longer: {:?}", since.elapsed());
    assert_eq!(server.rails.state().slow_head, 0, "nobody was slow");
}

#[actix_web::test]
async fn a_request_under_way_takes_its_time() {
    let server = Server::with(Timings { http_between: SHORT, ..Timings::default() });
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    // Both on a used connection, since the first head has a clock of its own.
    request(&mut stream, EMPTY_POST).await;
    within(stream.read_u8()).await.unwrap();
    let head = request(&mut stream, "GET /thoughts HTTP/1.1\r\nHost: x\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    within(stream.read_exact(&mut [0; 8])).await.unwrap();

    stream.write_all(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n\r\n").await.unwrap();
    let mut pace = interval(Duration::from_millis(200));
    for _ in 0..15 {
        pace.tick().await;
        stream.write_all(b"x").await.unwrap();
    }
    let head = response_head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(server.rails.state().slow_head, 0);
}

#[actix_web::test]
async fn a_large_answer_may_be_read_slowly_to_its_end() {
    let server = Server::with(Timings { http_between: SHORT, http_idle: SHORT, ..Timings::default() });
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(server.addr).await.unwrap();
    request(&mut stream, GET).await;
    let mut pace = interval(Duration::from_millis(50));
    let mut piece = vec![0; LARGE_BYTES / 80];
    let mut left = LARGE_BYTES;
    while left > 0 {
        pace.tick().await;
        let most = piece.len().min(left);
        left -= within(stream.read(&mut piece[..most])).await.expect("all of it");
    }
}

#[actix_web::test]
async fn an_answer_that_is_not_read_ends_the_connection() {
    let server = Server::with(Timings { http_idle: SHORT, ..Timings::default() });
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(server.addr).await.unwrap();
    stream.write_all(format!("{GET}\r\n").as_bytes()).await.unwrap();
    eventually("it is reset", || server.rails.state().idle_http == 1).await;
}

#[actix_web::test]
async fn what_two_readers_could_understand_differently_is_refused_and_the_connection_closed() {
    let server = Server::start();
    let body = "0\r\n\r\nGET /large HTTP/1.1\r\nHost: x\r\n\r\n";
    let with = |headers: &str| format!("POST /upload HTTP/1.1\r\nHost: x\r\n{headers}\r\n{body}");
    let cases = [
        with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
        with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
        with("Content-Length: 5\r\nContent-Length: 6\r\n"),
        with("Content-Length: 5\r\nContent-Length: 5\r\n"),
        with("Content-Length: +5\r\n"),
        with("Content-Length: -1\r\n"),
        with("Content-Length: 0x5\r\n"),
        with("Content-Length: 5, 5\r\n"),
        with("Transfer-Encoding: xchunked\r\n"),
        with("Transfer-Encoding: identity\r\n"),
        with("Transfer-Encoding: gzip, chunked\r\n"),
        with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"),
        with("Transfer-Encoding : chunked\r\n"),
        with("Host: y\r\n"),
        format!("POST /upload HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{body}"),
        "POST /upload HTTP/1.1\r\nContent-Length: 0\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
    ];
    for case in cases {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(case.as_bytes()).await.unwrap();
        let mut heard = Vec::new();
        // Closed with a part of it unread, it ends in a reset; the answer came before.
        let _ = within(stream.read_to_end(&mut heard)).await;
        let heard = String::from_utf8(heard).unwrap();
        assert!(heard.starts_with("HTTP/1.1 400 "), "{case}: {heard}");
        assert_eq!(heard.matches("HTTP/1.1 ").count(), 1, "{case}: {heard}");
    }
}

#[actix_web::test]
async fn an_upgrade_without_its_key_ends_the_connection() {
    let server = Server::start();
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let head = upgrade_head("").replace("Sec-WebSocket-Key", "X-Key");
    stream.write_all(format!("{head}\r\n{GET}\r\n").as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    let _ = within(stream.read_to_end(&mut heard)).await;
    let heard = String::from_utf8(heard).unwrap();
    assert!(heard.starts_with("HTTP/1.1 400 "), "{heard}");
    assert_eq!(heard.matches("HTTP/1.1 ").count(), 1, "{heard}");
}

#[actix_web::test]
async fn a_client_that_ends_its_side_ends_the_socket() {
    let server = Server::start();
    let client = Client::open(server.addr).await;
    eventually("it is in", || server.rails.state().sockets == 1).await;
    let since = Instant::now();
    SockRef::from(&client.stream).shutdown(Shutdown::Write).unwrap();
    eventually("the session is freed", || server.rails.state().sockets == 0).await;
    assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
}
