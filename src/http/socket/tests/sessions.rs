//! What a session can do to its socket, a bug in it included.

use super::client::*;
use super::server::Server;
use super::server::order;
use crate::actors::outbox::Event;
use crate::http::socket::Written;
use crate::protocol::close::CloseCode;
use std::time::Duration;
use std::time::Instant;
use tokio::io::AsyncWriteExt;

#[actix_web::test]
async fn a_panic_closes_its_own_socket_with_1011_and_frees_all_of_it() {
    let server = Server::start();
    let mut neighbour = Client::open(server.addr).await;
    eventually("the neighbour is in", || server.rails.state().sockets == 1).await;
    for way in ["panic", "panic in a task"] {
        let mut victim = Client::open(server.addr).await;
        let outbox = server.book.newest();
        victim.text(way).await;
        assert_eq!(victim.closed().await, (1011, "internal error".to_owned()), "{way}");
        eventually("it is freed", || server.rails.state().sockets == 1).await;
        assert!(!outbox.ping(), "whoever still knows it is told");
    }
    assert_eq!(*server.book.ended.lock(), [Some(CloseCode::Bug); 2]);
    neighbour.text("still here").await;
    assert_eq!(neighbour.next_text().await, "still here");
}

#[actix_web::test]
async fn nothing_counts_that_comes_after_the_socket_was_given_up() {
    let server = Server::start();
    let mut client = Client::open(server.addr).await;
    // In one piece: both are there before the session is woken to send the close frame.
    client.send([frame(FIN | TEXT, b"give up"), frame(FIN | TEXT, b"one more thing")].concat()).await;
    assert_eq!(client.closed().await, (4409, "another".to_owned()));
}

#[actix_web::test]
async fn a_task_hands_its_result_back_to_the_session() {
    let server = Server::start();
    let mut client = Client::open(server.addr).await;
    client.text("slowly").await;
    assert_eq!(client.next_text().await, "done");
}

#[actix_web::test]
async fn with_sixteen_tasks_under_way_nothing_more_is_read() {
    // Far more than all buffers on the way hold, and no flood yet; a session that reads swallows it at once.
    const FLOOD_FRAMES: usize = 900;
    let server = Server::start();
    let mut client = Client::open(server.addr).await;
    let flood = frame(FIN | TEXT, &[b'-'; 16_000]);
    for _ in 0..15 {
        client.text("never").await;
    }
    for _ in 0..FLOOD_FRAMES {
        within(client.stream.write_all(&flood)).await.unwrap();
    }
    client.text("read all that").await;
    assert_eq!(client.next_text().await, "read all that");

    client.text("never").await;
    let mut passed = 0;
    let write_on = async {
        while passed < FLOOD_FRAMES {
            client.stream.write_all(&flood).await.unwrap();
            passed += 1;
        }
    };
    let held_up = tokio::time::timeout(Duration::from_secs(1), write_on).await.is_err();
    assert!(held_up, "all of it was read");
    assert_eq!(server.rails.state().sockets, 1, "it is our doing, and does not count against the client");
}

#[actix_web::test]
async fn a_session_ends_its_socket_with_a_reason_that_fits() {
    let server = Server::start();
    let mut client = Client::open(server.addr).await;
    client.text("leave").await;
    // 123 bytes hold 61 characters of two bytes.
    assert_eq!(client.closed().await, (4403, "é".repeat(61)));
    eventually("the session is told", || *server.book.ended.lock() == [Some(CloseCode::Forbidden)]).await;
}

#[actix_web::test]
async fn the_session_learns_what_was_written_from_its_outbox() {
    let server = Server::start();
    let mut client = Client::open(server.addr).await;
    eventually("it is in", || server.rails.state().sockets == 1).await;
    let outbox = server.book.newest();
    let read_at = Instant::now();
    outbox.event(Event { text: "e1".into(), tag: Some((order("o-1"), 7)) });
    outbox.latest(&order("o-1"), "p1".into(), read_at);
    outbox.ack(9, &[8]);
    outbox.poke();
    let mut texts = Vec::new();
    for _ in 0..4 {
        texts.push(client.next_text().await);
    }
    texts.sort();
    assert_eq!(texts, ["ack 9 [8]", "e1", "p1", "poked"]);
    let event = Written::Event { order: order("o-1"), seq: 7 };
    let latest = Written::Latest { order: order("o-1"), read_at, replaced: 0 };
    assert_eq!(*server.book.written.lock(), [event, latest]);
}

#[actix_web::test]
async fn a_position_that_may_not_be_seen_any_more_is_not_written() {
    let server = Server::start();
    let mut client = Client::open(server.addr).await;
    eventually("it is in", || server.rails.state().sockets == 1).await;
    let outbox = server.book.newest();
    client.text("blind").await;
    assert_eq!(client.next_text().await, "blind");
    // A producer that has not heard of it yet.
    assert!(outbox.latest(&order("o-1"), "where you must not look".into(), Instant::now()));
    outbox.poke();
    assert_eq!(client.next_text().await, "poked");
    assert!(server.book.written.lock().is_empty());
}
