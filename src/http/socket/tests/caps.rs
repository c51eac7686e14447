//! As many sockets as one may have.

use super::client::*;
use super::server::Server;
use super::server::fill;
use crate::http::socket::Caps;
use crate::http::socket::Timings;
use std::io::ErrorKind;
use std::time::Duration;
use std::time::Instant;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;

async fn ask(server: &Server, who: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let head = request(&mut stream, &upgrade_head(&format!("who: {who}\r\n"))).await;
    (stream, head)
}

async fn open(server: &Server, who: &str) -> Client {
    let (stream, head) = ask(server, who).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{who}: {head}");
    Client { stream }
}

async fn refused(server: &Server, who: &str) {
    let (_, head) = ask(server, who).await;
    assert!(head.starts_with("HTTP/1.1 429 ") && head.contains("\r\nretry-after: 5\r\n"), "{who}: {head}");
}

#[actix_web::test]
async fn one_socket_more_than_a_principal_may_have_is_refused_until_one_is_gone() {
    let server = Server::capped(Timings::default(), Caps::new(Some(2), None));
    let first = open(&server, "customer:c-1").await;
    let _second = open(&server, "customer:c-1").await;
    refused(&server, "customer:c-1").await;
    let _other = open(&server, "customer:c-2").await;
    drop(first);
    eventually("its connection is gone", || server.rails.state().sockets == 2).await;
    open(&server, "customer:c-1").await;
}

#[actix_web::test]
async fn one_socket_more_than_an_address_may_have_is_refused_whoever_asks() {
    let server = Server::capped(Timings::default(), Caps::new(None, Some(3)));
    let mut sockets = Vec::new();
    for who in ["customer:c-1", "customer:c-2", "driver:d-1"] {
        sockets.push(open(&server, who).await);
    }
    refused(&server, "customer:c-3").await;
    refused(&server, "driver:d-1").await;
    sockets.pop();
    eventually("its connection is gone", || server.rails.state().sockets == 2).await;
    open(&server, "customer:c-3").await;
}

#[actix_web::test]
async fn a_drivers_newest_socket_takes_the_room_of_their_oldest() {
    let server = Server::capped(Timings::default(), Caps::new(Some(2), None));
    let mut oldest = open(&server, "driver:d-1").await;
    let mut older = open(&server, "driver:d-1").await;
    let mut newest = open(&server, "driver:d-1").await;
    assert_eq!(oldest.closed().await.0, 4409);
    for socket in [&mut older, &mut newest] {
        socket.text("still here").await;
        assert_eq!(socket.next_text().await, "still here");
    }
    assert_eq!(server.rails.state().gave_way, 1);
}

#[actix_web::test]
async fn an_oldest_socket_that_does_not_read_makes_room_all_the_same() {
    let timings = Timings { farewell: Duration::from_secs(1), stall: Duration::from_secs(60), ..Timings::default() };
    let server = Server::capped(timings, Caps::new(Some(1), None));
    let mut deaf = {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        let mut stream = socket.connect(server.addr).await.unwrap();
        request(&mut stream, &upgrade_head("who: driver:d-1\r\n")).await;
        Client { stream }
    };
    eventually("it is in", || server.rails.state().sockets == 1).await;
    fill(&server.book.newest(), u32::MAX).await;
    let since = Instant::now();
    let mut newest = open(&server, "driver:d-1").await;
    eventually("the deaf one is gone", || server.rails.state().sockets == 1).await;
    assert!(since.elapsed() < Duration::from_secs(5), "the kernel alone takes longer: {:?}", since.elapsed());
    // The kernel has its farewell, or it was reset because not even that could be handed over.
    let end = async {
        loop {
            match deaf.next().await {
                Ok(frame) if frame.opcode == CLOSE => return assert_eq!(frame.payload[..2], 4409_u16.to_be_bytes()),
                Ok(_) => {}
                Err(error) => return assert_eq!(error.kind(), ErrorKind::ConnectionReset),
            }
        }
    };
    within(end).await;
    newest.text("still here").await;
    assert_eq!(newest.next_text().await, "still here");
}
