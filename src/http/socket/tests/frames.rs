//! What comes in, and the verdict on it.

use super::client::*;
use super::server::MAX_BYTES;
use super::server::Server;

/// Sends these bytes on a fresh socket and answers the code it is closed with.
async fn verdict(server: &Server, bytes: &[u8]) -> u16 {
    let mut client = Client::open(server.addr).await;
    client.send(bytes).await;
    client.closed().await.0
}

#[actix_web::test]
async fn a_declared_length_of_2_to_the_62_is_refused_at_the_header() {
    let server = Server::start();
    for length in [1 << 62, u64::MAX, MAX_BYTES as u64 + 1] {
        assert_eq!(verdict(&server, &header(FIN | TEXT, length)).await, 1009, "{length}");
    }
    // The largest allowed goes through whole.
    let mut client = Client::open(server.addr).await;
    let largest = "x".repeat(MAX_BYTES);
    client.text(&largest).await;
    assert_eq!(client.next_text().await, largest);
}

#[actix_web::test]
async fn fragments_are_bounded_in_number_and_in_sum() {
    let server = Server::start();
    let fragments = |count: usize, payload: &[u8]| {
        let mut bytes = frame(TEXT, payload);
        for _ in 2..count {
            bytes.extend(frame(CONTINUE, payload));
        }
        bytes.extend(frame(FIN | CONTINUE, payload));
        bytes
    };
    let mut client = Client::open(server.addr).await;
    client.send(fragments(16, b"ab")).await;
    assert_eq!(client.next_text().await, "ab".repeat(16));
    assert_eq!(verdict(&server, &fragments(17, b"ab")).await, 1009);
    assert_eq!(verdict(&server, &fragments(3, &[b'x'; MAX_BYTES / 2])).await, 1009);
}

#[actix_web::test]
async fn text_must_be_utf8_as_a_whole() {
    let server = Server::start();
    assert_eq!(verdict(&server, &frame(FIN | TEXT, b"a\xFFb")).await, 1007);
    let (first, second) = "é".as_bytes().split_at(1);
    let halves = |last: &[u8]| [frame(TEXT, first), frame(FIN | CONTINUE, last)].concat();
    assert_eq!(verdict(&server, &halves(b"x")).await, 1007);
    let mut client = Client::open(server.addr).await;
    client.send(halves(second)).await;
    assert_eq!(client.next_text().await, "é");
}

#[actix_web::test]
async fn binary_is_refused_with_1003() {
    let server = Server::start();
    assert_eq!(verdict(&server, &frame(FIN | BINARY, b"x")).await, 1003);
    assert_eq!(verdict(&server, &frame(BINARY, b"x")).await, 1003);
}

#[actix_web::test]
async fn breaches_of_the_protocol_are_closed_with_1002() {
    let server = Server::start();
    let breaches: &[(&str, Vec<u8>)] = &[
        ("unmasked", vec![FIN | TEXT, 1, b'x']),
        ("reserved bit", frame(FIN | 0x40 | TEXT, b"x")),
        ("reserved opcode", frame(FIN | 0x3, b"x")),
        ("reserved control opcode", frame(FIN | 0xB, b"x")),
        ("long ping", frame(FIN | PING, &[b'x'; 126])),
        ("fragmented ping", frame(PING, b"x")),
        ("continuation of nothing", frame(FIN | CONTINUE, b"x")),
        ("a second beginning", [frame(TEXT, b"x"), frame(TEXT, b"y")].concat()),
        ("close of one byte", frame(FIN | CLOSE, b"x")),
        ("close with 1005", frame(FIN | CLOSE, &1005_u16.to_be_bytes())),
    ];
    for (what, bytes) in breaches {
        assert_eq!(verdict(&server, bytes).await, 1002, "{what}");
    }
}

#[actix_web::test]
async fn frames_may_come_in_any_pieces() {
    let server = Server::start();
    let mut client = Client::open(server.addr).await;
    for byte in frame(FIN | TEXT, b"byte by byte") {
        client.send([byte]).await;
    }
    assert_eq!(client.next_text().await, "byte by byte");
    let many: Vec<u8> = (0..40).flat_map(|n| frame(FIN | TEXT, format!("{n}").as_bytes())).collect();
    client.send(many).await;
    for n in 0..40 {
        assert_eq!(client.next_text().await, n.to_string());
    }
}

#[actix_web::test]
async fn a_ping_is_answered_even_within_a_message() {
    let server = Server::start();
    let mut client = Client::open(server.addr).await;
    client.send([frame(TEXT, b"a"), frame(FIN | PING, b"still there?")].concat()).await;
    assert_eq!(client.next().await.unwrap(), Frame { opcode: PONG, payload: b"still there?".to_vec() });
    client.send(frame(FIN | CONTINUE, b"b")).await;
    assert_eq!(client.next_text().await, "ab");
}

#[actix_web::test]
async fn a_close_frame_is_answered_with_its_code_and_frees_the_session() {
    let server = Server::start();
    let mut client = Client::open(server.addr).await;
    client.send(frame(FIN | CLOSE, &1000_u16.to_be_bytes())).await;
    assert_eq!(client.closed().await, (1000, String::new()));
    eventually("the session ends", || server.rails.state().sockets == 0).await;
    assert_eq!(*server.book.ended.lock(), [None]);
    assert!(!server.book.newest().is_open());
}
