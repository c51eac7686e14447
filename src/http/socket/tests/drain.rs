//! The end of the server.

use super::client::*;
use super::server::Server;
use super::server::fill;
use crate::http::socket::Timings;
use std::time::Duration;
use std::time::Instant;

#[actix_web::test]
async fn a_drain_tells_each_of_200_sockets_when_to_come_back_and_spreads_it() {
    const SOCKETS: usize = 200;
    // Two threads, so two wardens.
    let server = Server::on_threads(2, Timings::default());
    let mut clients = Vec::new();
    for _ in 0..SOCKETS {
        clients.push(Client::open(server.addr).await);
    }
    let window = Duration::from_secs(1);
    let since = Instant::now();
    server.rails.drain(window);
    let ends = clients.iter_mut().map(|client| async move { (client.closed().await, since.elapsed()) });
    let ends = futures_util::future::join_all(ends).await;
    for ((code, reason), _) in &ends {
        assert_eq!(*code, 1012);
        let retry_ms: u64 = reason.strip_prefix("retry_ms=").expect("retry_ms").parse().unwrap();
        assert!((500..1_500).contains(&retry_ms));
    }
    let in_first_half = ends.iter().filter(|(_, at)| *at < window / 2).count();
    assert!((SOCKETS / 5..=SOCKETS * 4 / 5).contains(&in_first_half), "{in_first_half} of {SOCKETS} in the first half");
    assert_eq!(server.rails.state().drained, SOCKETS as u64);
    drop(clients);
    within(server.handle.stop(true)).await;
    assert_eq!(server.rails.state().sockets, 0);
}

#[actix_web::test]
async fn a_client_that_does_not_read_cannot_hold_up_the_end() {
    let server = Server::with(Timings { farewell: Duration::from_secs(1), ..Timings::default() });
    let _deaf = Client::open_narrow(server.addr).await;
    eventually("it is in", || server.rails.state().sockets == 1).await;
    fill(&server.book.newest(), u32::MAX).await;
    let since = Instant::now();
    server.rails.drain(Duration::from_millis(100));
    within(server.handle.stop(true)).await;
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
}
