//! Clients who may see no more: told so if they read, reset soon if they do not.

use super::client::*;
use super::server::Server;
use super::server::order;
use super::server::push_position;
use crate::protocol::close::CloseCode;
use std::time::Duration;
use std::time::Instant;
use tokio::time::interval;

#[actix_web::test]
async fn whoever_may_see_no_more_and_does_not_read_is_reset_before_others_would_be() {
    let server = Server::start();
    let mut client = Client::open_narrow(server.addr).await;
    eventually("it is in", || server.rails.state().sockets == 1).await;
    let (outbox, watched) = (server.book.newest(), order("o-1"));
    let mut pace = interval(Duration::from_millis(1));
    for number in 1..=20_000 {
        assert!(push_position(&outbox, &watched, number));
        if number % 100 == 0 {
            pace.tick().await;
        } else {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(outbox.state().latest, 1, "the reader is held up");
    let asked = Instant::now();
    assert!(outbox.cut(CloseCode::Token, "token revoked"));
    assert_eq!(outbox.state().latest, 0, "what waited is dropped");
    eventually("it is reset", || server.rails.state().sockets == 0).await;
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    let end = async {
        loop {
            if let Err(error) = client.next().await {
                return error.kind();
            }
        }
    };
    assert_eq!(within(end).await, std::io::ErrorKind::ConnectionReset);
}

#[actix_web::test]
async fn whoever_may_see_no_more_is_told_why_and_gets_nothing_after_it() {
    let server = Server::start();
    let mut client = Client::open(server.addr).await;
    eventually("it is in", || server.rails.state().sockets == 1).await;
    let outbox = server.book.newest();
    assert!(outbox.cut(CloseCode::Token, "token revoked"));
    assert!(!push_position(&outbox, &order("o-1"), 1));
    assert!(!outbox.cut(CloseCode::Token, "again"), "the first end counts");
    assert_eq!(client.closed().await, (CloseCode::Token.number(), "token revoked".to_owned()));
}
