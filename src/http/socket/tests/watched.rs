//! The warden: whoever does nothing is ended, whoever does something is not.

use super::client::*;
use super::server::Server;
use crate::http::socket::Timings;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::interval;

const SHORT: Duration = Duration::from_secs(1);

#[actix_web::test]
async fn half_a_frame_and_then_silence_is_closed_with_1008() {
    let server = Server::start();
    let beginnings = [
        frame(FIN | TEXT, b"hello")[..1].to_vec(),
        frame(FIN | TEXT, b"hello")[..9].to_vec(),
        frame(TEXT, b"an open message"),
    ];
    let mut clients = Vec::new();
    for beginning in beginnings {
        let mut client = Client::open(server.addr).await;
        client.send(beginning).await;
        clients.push(client);
    }
    let since = std::time::Instant::now();
    for client in &mut clients {
        assert_eq!(client.closed().await.0, 1008);
    }
    assert!(since.elapsed() < Duration::from_secs(7), "{:?}", since.elapsed());
    assert_eq!(server.rails.state().half_frame, 3);
}

#[actix_web::test]
async fn half_a_frame_that_came_before_a_pause_of_ours_is_closed_after_it() {
    let server = Server::with(Timings { half_frame: SHORT, ..Timings::default() });
    let mut client = Client::open(server.addr).await;
    // One task less than may be under way; the next one ends at once, and with it the pause.
    for _ in 0..15 {
        client.text("never").await;
    }
    let half = &frame(FIN | TEXT, b"hello")[..9];
    client.send([&frame(FIN | TEXT, b"slowly"), half].concat()).await;
    assert_eq!(client.next_text().await, "done");
    assert_eq!(client.closed().await.0, 1008);
}

#[actix_web::test]
async fn a_dripped_frame_is_half_a_frame_but_a_dripped_row_of_frames_is_not() {
    let server = Server::with(Timings { half_frame: SHORT, ..Timings::default() });
    let mut dripped = Client::open(server.addr).await;
    let mut busy = Client::open(server.addr).await;
    dripped.send(header(FIN | TEXT, 1_000)).await;
    // Each piece ends one frame and begins the next, so that no moment is without a half.
    let whole = frame(FIN | TEXT, b"hello");
    let (begin, end) = whole.split_at(3);
    busy.send(begin).await;
    let piece = [end, begin].concat();
    // Three times what may be left incomplete.
    let mut drops = interval(Duration::from_millis(50));
    for _ in 0..60 {
        drops.tick().await;
        busy.send(&piece).await;
        // Closed before the end, as it should be.
        let _ = dripped.stream.write_all(b"x").await;
    }
    assert_eq!(dripped.closed().await.0, 1008);
    busy.send(end).await;
    assert_eq!(busy.next_text().await, "hello");
    assert_eq!(server.rails.state().half_frame, 1);
}

#[actix_web::test]
async fn heartbeats_come_and_whoever_answers_none_is_closed_with_4408() {
    let server = Server::with(Timings { heartbeat: SHORT, ..Timings::default() });
    let mut silent = Client::open(server.addr).await;
    let mut alive = Client::open(server.addr).await;
    let answers = async {
        for _ in 0..5 {
            assert_eq!(alive.next().await.unwrap().opcode, PING);
            alive.send(frame(FIN | PONG, b"")).await;
        }
    };
    let end = async {
        assert_eq!(silent.next().await.unwrap().opcode, PING);
        silent.closed().await
    };
    let ((), end) = tokio::join!(answers, end);
    assert_eq!(end, (4408, "nothing heard".to_owned()));
    assert_eq!(server.rails.state().silent, 1);
    assert_eq!(server.rails.state().sockets, 1);
}

#[actix_web::test]
async fn an_expired_token_ends_the_socket_with_4401() {
    let server = Server::start();
    let mut client = Client::open(server.addr).await;
    client.text("expire").await;
    assert_eq!(client.closed().await, (4401, "token expired".to_owned()));
    assert_eq!(server.rails.state().expired, 1);
}

#[actix_web::test]
async fn a_second_request_that_never_comes_to_its_end_is_cut() {
    let server = Server::with(Timings { http_idle: SHORT, ..Timings::default() });
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let head = request(&mut stream, "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    stream.write_all(b"POST /upload HTTP/1.1\r\nHo").await.unwrap();
    // The end of the stream or a reset, whichever is seen first.
    let _ = within(stream.read_to_end(&mut Vec::new())).await;
    eventually("it is counted", || server.rails.state().idle_http == 1).await;
}

#[actix_web::test]
async fn a_slow_upload_that_moves_is_let_be_but_not_for_ever() {
    let server = Server::with(Timings { http_idle: SHORT, http_request: Duration::from_secs(6), ..Timings::default() });
    let upload = async |drops: u32| {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        let head = format!("POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: {drops}\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        let mut pace = interval(Duration::from_millis(200));
        for _ in 0..drops {
            pace.tick().await;
            stream.write_all(b"x").await?;
        }
        Ok::<_, std::io::Error>(response_head(&mut stream).await)
    };
    // Three seconds, three times what may pass without a move.
    let (fits, never_ends) = tokio::join!(upload(15), upload(100));
    let head = fits.unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(never_ends.is_err());
}
