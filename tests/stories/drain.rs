//! SIGTERM: sockets are closed with a word on when to come back, what was accepted is kept, and the process ends with 0.

use crate::support::CENTRE;
use crate::support::Driver;
use crate::support::Server;
use crate::support::UNLIMITED;
use crate::support::until;

#[tokio::test]
async fn sigterm_closes_sockets_with_1012_and_ends_with_0() {
    let mut server = Server::with(&[UNLIMITED[0], ("BEELINE_DRAIN", "1s")]).await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    driver.arrive(CENTRE.north(5.0)).await;
    let mut customer = server.caller("customer", "c-1").socket("/ws/customer").await;
    let mut operator = server.operator().socket("/ws/operator").await;
    server.terminate().await;
    for socket in [&mut driver.socket, &mut customer, &mut operator] {
        let (code, reason) = socket.closed().await;
        assert_eq!(code, 1012, "{reason}");
        let retry_ms = reason.strip_prefix("retry_ms=").and_then(|text| text.parse::<u64>().ok());
        assert!(retry_ms.is_some(), "{reason}");
    }
    assert_eq!(server.exit().await.code(), Some(0), "{}", server.log_end());
    server.boot_again().await;
    let again = Driver::connect(&server, "d-1").await;
    assert_eq!(again.seq, driver.seq);
}

#[tokio::test]
async fn a_draining_server_asks_for_no_traffic() {
    let mut server = Server::with(&[("BEELINE_DRAIN", "3s")]).await;
    // Sockets keep the drain going for its whole time.
    let mut sockets = Vec::new();
    for number in 0..8 {
        sockets.push(server.caller("customer", &format!("c-{number}")).socket("/ws/customer").await);
    }
    server.terminate().await;
    let stranger = server.stranger();
    let ready = format!("{}/readyz", server.base);
    // Either it says so, or it does not take the connection any more.
    until("no traffic", || async {
        let answer = server.http.get(&ready).send().await;
        answer.map_or(Some(()), |answer| (answer.status() == 503).then_some(()))
    })
    .await;
    drop(stranger);
    for socket in &mut sockets {
        assert_eq!(socket.closed().await.0, 1012);
    }
    assert_eq!(server.exit().await.code(), Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let mut server = Server::with(&[("BEELINE_DRAIN", "60s")]).await;
    let mut sockets = Vec::new();
    for number in 0..4 {
        sockets.push(server.caller("customer", &format!("c-{number}")).socket("/ws/customer").await);
    }
    server.terminate().await;
    let ready = format!("{}/readyz", server.base);
    until("the drain has begun", || async {
        let answer = server.http.get(&ready).send().await;
        answer.map_or(Some(()), |answer| (answer.status() == 503).then_some(()))
    })
    .await;
    server.terminate().await;
    let ended = server.exit().await;
    assert!(!ended.success(), "{ended}");
}
