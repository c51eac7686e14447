//! Clients that do not read: what they cost, what they get when they do, and their end.

use super::client::*;
use super::server::Server;
use super::server::fill;
use super::server::order;
use super::server::push_position;
use crate::http::socket::Timings;
use crate::protocol::close::CloseCode;
use std::time::Duration;
use tokio::io::AsyncReadExt;
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
    // Measured about 70; 255 with the dispatcher's usual write buffer, 370 without the bound on unsent bytes, and 5,000 with
    // none of the limits.
    assert!(read < 150, "{read} positions were read before the newest");
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
    // The session is gone a moment before its connection; who reads in between sees an end in order.
    tokio::time::sleep(Duration::from_millis(200)).await;
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

#[actix_web::test]
async fn a_reader_of_a_byte_a_second_is_reset_like_one_that_reads_nothing() {
    let server = Server::with(Timings { stall: Duration::from_secs(3), ..Timings::default() });
    let mut slow = Client::open_narrow(server.addr).await;
    eventually("it is in", || server.rails.state().sockets == 1).await;
    let outbox = server.book.newest();
    let push = async {
        let mut pace = interval(Duration::from_millis(1));
        let mut number = 0;
        while server.rails.state().stalled == 0 {
            pace.tick().await;
            number += 1;
            for _ in 0..10 {
                push_position(&outbox, &order("o-1"), number);
            }
        }
    };
    let read = async {
        let mut pace = interval(Duration::from_secs(1));
        loop {
            pace.tick().await;
            // Its end is what the test waits for, on the other side.
            let _ = slow.stream.read_u8().await;
        }
    };
    within(async {
        tokio::select! {
            () = push => {}
            () = read => unreachable!("reads for ever"),
        }
    })
    .await;
    eventually("it is freed", || server.rails.state().sockets == 0).await;
}

#[actix_web::test]
async fn whom_the_kernel_gives_up_counts_as_stalled() {
    let server = Server::with(Timings { stall: Duration::from_secs(60), ..Timings::default() });
    let _deaf = Client::open_narrow(server.addr).await;
    eventually("it is in", || server.rails.state().sockets == 1).await;
    let outbox = server.book.newest();
    fill(&outbox, u32::MAX).await;
    // The kernel takes up to nine seconds. Meanwhile the world goes on: the client's kernel takes in a little more now and then.
    let mut looks = interval(Duration::from_millis(50));
    let gone = async {
        while server.rails.state().sockets > 0 {
            push_position(&outbox, &order("o-1"), 0);
            looks.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("the kernel gives it up");
    assert_eq!(server.rails.state().stalled, 1);
}

#[actix_web::test]
async fn whoever_is_silent_and_does_not_read_is_waited_for_no_longer() {
    let timings = Timings {
        heartbeat: Duration::from_millis(500),
        farewell: Duration::from_millis(500),
        stall: Duration::from_secs(60),
        ..Timings::default()
    };
    let server = Server::with(timings);
    let _deaf = Client::open_narrow(server.addr).await;
    eventually("it is in", || server.rails.state().sockets == 1).await;
    fill(&server.book.newest(), u32::MAX).await;
    let since = tokio::time::Instant::now();
    eventually("it is reset", || server.rails.state().sockets == 0).await;
    assert!(since.elapsed() < Duration::from_secs(6), "the kernel alone takes eight: {:?}", since.elapsed());
    assert_eq!(server.rails.state().stalled, 1);
}

// Under TLS, where the last bytes may be stuck between the session and the kernel; else there is room made for them.
#[actix_web::test]
async fn whoever_does_not_take_in_the_end_of_its_socket_is_reset() {
    let timings = Timings { farewell: Duration::from_secs(1), stall: Duration::from_secs(60), ..Timings::default() };
    let server = Server::with(timings);
    let _measured = Client::open_encrypted_narrow(server.addr).await;
    eventually("it is in", || server.rails.state().sockets == 1).await;
    let full = fill(&server.book.newest(), u32::MAX).await;
    // A little less, so that the session ends while its last bytes are stuck between it and the kernel.
    let mut deaf = Vec::new();
    for (number, less) in (2..24).enumerate() {
        deaf.push(Client::open_encrypted_narrow(server.addr).await);
        eventually("it is in", || server.book.outboxes.lock().len() == number + 2).await;
        let outbox = server.book.newest();
        fill(&outbox, full - less).await;
        outbox.close(CloseCode::Forbidden, "");
    }
    eventually("one of them is reset", || server.rails.state().lingering > 0).await;
}
