//! Frames without end.

use super::client::*;
use super::server::Server;
use crate::limits::CONTROL_FRAMES_BURST;
use crate::limits::DATA_FRAMES_BURST;
use std::time::Duration;
use std::time::Instant;
use tokio::io::AsyncWriteExt;
use tokio::time::interval;

/// Reads to the close frame; its code, and how many pongs came before it.
async fn pongs_until_the_close(client: &mut Client) -> (u16, u32) {
    let mut pongs = 0;
    loop {
        let frame = client.next().await.expect("a close frame");
        match frame.opcode {
            PONG => pongs += 1,
            CLOSE => return (u16::from_be_bytes([frame.payload[0], frame.payload[1]]), pongs),
            _ => panic!("{frame:?}"),
        }
    }
}

#[actix_web::test]
async fn a_flood_of_pings_is_closed_with_4429_and_not_answered() {
    let server = Server::start();
    let mut client = Client::open(server.addr).await;
    client.send(frame(FIN | PING, b"").repeat(2_000)).await;
    let (code, pongs) = pongs_until_the_close(&mut client).await;
    assert_eq!(code, 4429);
    assert!(pongs <= CONTROL_FRAMES_BURST, "{pongs} pongs");
    assert_eq!(server.rails.state().control_flood, 1);
}

#[actix_web::test]
async fn ten_thousand_pings_a_second_end_within_a_second() {
    let server = Server::start();
    let mut client = Client::open(server.addr).await;
    let since = Instant::now();
    let ten = frame(FIN | PING, b"x").repeat(10);
    let mut pace = interval(Duration::from_millis(1));
    let flood = async {
        // Until the server has enough of it; it resets what comes after its close.
        while server.rails.state().control_flood == 0 && client.stream.write_all(&ten).await.is_ok() {
            pace.tick().await;
        }
    };
    within(flood).await;
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    let (code, pongs) = pongs_until_the_close(&mut client).await;
    assert!(code == 4429 && pongs <= CONTROL_FRAMES_BURST + 8, "{code} after {pongs} pongs");
}

#[actix_web::test]
async fn as_many_pings_as_anybody_needs_are_answered() {
    let server = Server::start();
    let mut client = Client::open(server.addr).await;
    client.send(frame(FIN | PING, b"x").repeat(CONTROL_FRAMES_BURST as usize)).await;
    for _ in 0..CONTROL_FRAMES_BURST {
        assert_eq!(client.next().await.unwrap().opcode, PONG);
    }
    assert_eq!(server.rails.state().control_flood, 0);
}

#[actix_web::test]
async fn a_flood_of_data_frames_is_closed_with_4429() {
    let server = Server::start();
    let mut client = Client::open(server.addr).await;
    client.send(frame(FIN | TEXT, b"-").repeat(2 * DATA_FRAMES_BURST as usize)).await;
    assert_eq!(client.closed().await.0, 4429);
    assert_eq!(server.rails.state().data_flood, 1);
}

#[actix_web::test]
async fn a_backlog_of_frames_and_800_a_second_after_it_are_let_be() {
    let server = Server::start();
    let mut client = Client::open(server.addr).await;
    // Half of what is allowed at once, so that a busy machine, on which the bucket fills late, makes no difference.
    client.send(frame(FIN | TEXT, b"-").repeat(DATA_FRAMES_BURST as usize / 2)).await;
    let hundred = frame(FIN | TEXT, b"-").repeat(100);
    let mut pace = interval(Duration::from_millis(125));
    pace.tick().await;
    for _ in 0..16 {
        pace.tick().await;
        client.send(&hundred).await;
    }
    client.text("still here").await;
    assert_eq!(client.next_text().await, "still here");
    assert_eq!(server.rails.state().data_flood, 0);
}
