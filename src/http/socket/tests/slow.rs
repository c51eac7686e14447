//! Clients that do not read: what they cost, what they get when they do, and their end.

use super::client::*;
use super::server::Server;
use super::server::order;
use super::server::push_position;
use crate::http::socket::Timings;
use std::time::Duration;
use tokio::time::interval;

#[actix_web::test]
async fn a_thawed_reader_gets_the_newest_after_little_that_is_old() {
    const PUSHES: u32 = 20_000;
    let server = Server::start();
    let mut client = Client::open_narrow(server.addr).await;
    eventually("it is in", || server.rails.state().sockets == 1).await;
    let outbox = server.book.newest();
    let watched = order("o-1");
    let mut pace = interval(Duration::from_millis(1));
    for number in 1..=PUSHES {
        assert!(push_position(&outbox, &watched, number));
        // Lets the session write each as long as it can.
        if number % 100 == 0 {
            pace.tick().await;
        } else {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(outbox.state().latest, 1, "the reader is held up, and one position waits");
    let mut last = 0;
    let mut read = 0;
    while last < PUSHES {
        let number: u32 = client.next_text().await.parse().unwrap();
        assert!(number > last, "{number} after {last}");
        last = number;
        read += 1;
    }
    // Measured about 80; without the send limits it is 5,000.
    assert!(read < 400, "{read} positions were read before the newest");
}

#[actix_web::test]
async fn a_stalled_reader_is_reset_and_the_others_notice_nothing() {
    let server = Server::with(Timings { stall: Duration::from_secs(2), ..Timings::default() });
    let mut stalled = Client::open_narrow(server.addr).await;
    eventually("it is in", || server.rails.state().sockets == 1).await;
    let stuck = server.book.newest();
    let mut healthy = Client::open(server.addr).await;
    eventually("the other is in", || server.rails.state().sockets == 2).await;
    let fine = server.book.newest();

    let push = async {
        let watched = order("o-1");
        let mut pace = interval(Duration::from_millis(1));
        let mut number = 0;
        while server.rails.state().stalled == 0 {
            pace.tick().await;
            number += 1;
            // A burst to the one, so that it is soon full; one to the other, which reads all.
            for _ in 0..10 {
                push_position(&stuck, &watched, number);
            }
            assert!(push_position(&fine, &watched, number));
        }
        number
    };
    let pushed = within(async {
        let read = async {
            loop {
                healthy.next_text().await;
            }
        };
        tokio::select! {
            pushed = push => pushed,
            () = read => unreachable!("reads for ever"),
        }
    })
    .await;
    assert!(pushed > 1_000, "the stall was waited for");
    eventually("the stalled one is freed", || server.rails.state().sockets == 1).await;
    assert!(!push_position(&stuck, &order("o-1"), 0), "its producers are told");
    let end = async {
        loop {
            if let Err(error) = stalled.next().await {
                return error.kind();
            }
        }
    };
    assert_eq!(within(end).await, std::io::ErrorKind::ConnectionReset);
    healthy.text("still here").await;
    let answered = async { while healthy.next_text().await != "still here" {} };
    within(answered).await;
    assert_eq!(server.rails.state().stalled, 1);
}

#[actix_web::test]
async fn an_idle_session_is_no_stall() {
    let server = Server::with(Timings { stall: Duration::from_secs(1), ..Timings::default() });
    let mut client = Client::open(server.addr).await;
    eventually("it is in", || server.rails.state().sockets == 1).await;
    let outbox = server.book.newest();
    // Long idle between two pushes: more than the stall and a whole sweep.
    let mut pace = interval(Duration::from_millis(2_200));
    for number in 1..=3 {
        pace.tick().await;
        assert!(push_position(&outbox, &order("o-1"), number));
        assert_eq!(client.next_text().await.parse(), Ok(number));
    }
    assert_eq!(server.rails.state().stalled, 0);
}
