//! Rows 18 to 20: frames that lie about their length, messages without end, and breaches of RFC 6455.

use crate::bare::BINARY;
use crate::bare::Bare;
use crate::bare::CLOSE;
use crate::bare::CONTINUE;
use crate::bare::FIN;
use crate::bare::Frame;
use crate::bare::PING;
use crate::bare::PONG;
use crate::bare::TEXT;
use crate::bare::close_frame;
use crate::bare::frame;
use crate::bare::header;
use crate::evidence::resident_kib;
use crate::support::Claims;
use crate::support::Server;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

const DOORS: [(&str, &str, u64); 3] = [
    ("/ws/customer", "customer", 16 * 1_024),
    ("/ws/operator", "operator", 16 * 1_024),
    ("/ws/driver", "driver", 256 * 1_024),
];
/// How long a refusal may take on a busy machine.
const SOON: Duration = Duration::from_secs(5);

async fn socket(server: &Server, door: &str, role: &str, subject: &str) -> Bare {
    let mut socket = Bare::socket(server, door, &server.token(&Claims::of(role, subject))).await;
    socket.wait_for("welcome").await;
    socket
}

async fn customer(server: &Server) -> Bare {
    socket(server, "/ws/customer", "customer", "c-1").await
}

/// The code with which these bytes are answered, on a socket of their own.
async fn verdict(server: &Server, bytes: &[u8]) -> Option<u16> {
    let mut socket = customer(server).await;
    // The server may have hung up before the last of them.
    let _ = socket.try_send(bytes).await;
    socket.ended(SOON).await.code
}

#[tokio::test]
async fn row_18_a_frame_that_declares_2_to_the_63_bytes_is_refused_at_its_header() {
    let server = Server::start().await;
    for (door, role, most) in DOORS {
        for length in [(1 << 63) - 1, u64::MAX, 1 << 62, most + 1] {
            for first in [FIN | TEXT, TEXT, FIN | BINARY] {
                let mut socket = socket(&server, door, role, "x-1").await;
                socket.send(header(first, length)).await;
                assert_eq!(socket.ended(SOON).await.code, Some(1009), "{door} {length} {first:x}");
            }
        }
    }
}

#[tokio::test]
async fn row_18_what_is_streamed_after_it_is_never_kept() {
    let server = Server::start().await;
    let before = resident_kib(&server);
    let piece = vec![0x55; 64 * 1_024];
    let streams = (0..12).map(|number| {
        let (server, piece) = (&server, &piece);
        async move {
            let mut socket = socket(server, "/ws/driver", "driver", &format!("d-{number}")).await;
            socket.send(header(FIN | TEXT, (1 << 63) - 1)).await;
            // 12 MiB each, or as much as is taken.
            for _ in 0..192 {
                if socket.try_send(piece).await.is_err() {
                    break;
                }
            }
            resident_kib(server)
        }
    });
    let peak = futures_util::future::join_all(streams).await.into_iter().max().unwrap();
    assert!(peak < before + 32 * 1_024, "{before} KiB before, {peak} KiB at the most, after 144 MiB");
    customer(&server).await;
}

#[tokio::test]
async fn row_19_the_seventeenth_fragment_is_one_too_many() {
    let server = Server::start().await;
    let mut socket = customer(&server).await;
    let mut bytes = frame(TEXT, b"{");
    for _ in 1..16 {
        bytes.extend(frame(CONTINUE, b" "));
    }
    socket.send(bytes).await;
    socket.send(frame(CONTINUE, b" ")).await;
    assert_eq!(socket.ended(SOON).await.code, Some(1009));
    // A hundred thousand of one byte each, as fast as they are taken.
    let (before, began) = (resident_kib(&server), Instant::now());
    let many: Vec<u8> = std::iter::repeat_n(frame(CONTINUE, b"x"), 100_000).flatten().collect();
    assert_eq!(verdict(&server, &[frame(TEXT, b"x"), many].concat()).await, Some(1009));
    // Empty ones are fragments too.
    let empty: Vec<u8> = std::iter::repeat_n(frame(CONTINUE, b""), 100_000).flatten().collect();
    assert_eq!(verdict(&server, &[frame(TEXT, b""), empty].concat()).await, Some(1009));
    assert!(began.elapsed() < SOON && resident_kib(&server) < before + 16 * 1_024);
}

#[tokio::test]
async fn row_19_fragments_are_bounded_in_sum() {
    let server = Server::start().await;
    let part = vec![b'x'; 8 * 1_024];
    let mut socket = customer(&server).await;
    socket.send(frame(TEXT, &part)).await;
    socket.send(frame(CONTINUE, &part)).await;
    socket.send(header(CONTINUE, 1)).await;
    assert_eq!(socket.ended(SOON).await.code, Some(1009), "16 KiB and one byte");
}

#[tokio::test]
async fn row_19_a_message_that_never_ends_is_ended() {
    let server = Server::start().await;
    let mut socket = customer(&server).await;
    socket.send(frame(TEXT, b"{")).await;
    let began = Instant::now();
    // Pings between the fragments do not keep it alive.
    let mut beat = tokio::time::interval(Duration::from_millis(400));
    while began.elapsed() < Duration::from_secs(4) {
        beat.tick().await;
        socket.send(frame(FIN | PING, b"")).await;
    }
    let ending = socket.ended(Duration::from_secs(10)).await;
    assert_eq!(ending.code, Some(1008));
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
}

#[tokio::test]
async fn row_19_control_frames_between_fragments_are_answered() {
    let server = Server::start().await;
    let mut socket = customer(&server).await;
    let message = br#"{"type":"dance","id":7}"#;
    let (first, rest) = message.split_at(5);
    let (second, third) = rest.split_at(9);
    socket.send([frame(TEXT, first), frame(FIN | PING, b"one")].concat()).await;
    let pong = |payload: &[u8]| Frame { opcode: PONG, payload: payload.to_vec() };
    assert_eq!(socket.wait("a pong", |frame| frame.opcode == PONG).await, pong(b"one"));
    let most = [b'p'; 125];
    socket.send([frame(CONTINUE, second), frame(FIN | PONG, b"?"), frame(FIN | PING, &most)].concat()).await;
    assert_eq!(socket.wait("another", |frame| frame.opcode == PONG).await, pong(&most));
    socket.send(frame(FIN | CONTINUE, third)).await;
    assert_eq!(socket.wait_for("error").await["id"], 7, "and the message is whole");
}

#[tokio::test]
async fn row_20_breaches_of_the_protocol_end_with_1002() {
    let server = Server::start().await;
    let mut unmasked = vec![FIN | TEXT, 2];
    unmasked.extend(b"{}");
    let begun = frame(TEXT, b"{");
    let mut breaches = vec![
        ("unmasked".to_owned(), unmasked),
        ("an unmasked ping".to_owned(), vec![FIN | PING, 0]),
        ("a continuation of nothing".to_owned(), frame(FIN | CONTINUE, b"x")),
        ("a second beginning".to_owned(), [begun.clone(), frame(TEXT, b"y")].concat()),
        ("a whole message within another".to_owned(), [begun.clone(), frame(FIN | TEXT, b"{}")].concat()),
        ("a ping of 126 bytes".to_owned(), frame(FIN | PING, &[b'x'; 126])),
        ("a close of 126 bytes".to_owned(), frame(FIN | CLOSE, &[3; 126])),
        ("a ping in pieces".to_owned(), frame(PING, b"x")),
        ("a pong in pieces".to_owned(), frame(PONG, b"x")),
        ("a close in pieces".to_owned(), frame(CLOSE, &1000_u16.to_be_bytes())),
        ("a close of one byte".to_owned(), frame(FIN | CLOSE, b"x")),
    ];
    for reserved in [0x40, 0x20, 0x10, 0x70] {
        breaches.push((format!("reserved bits {reserved:x}"), frame(FIN | reserved | TEXT, b"{}")));
        breaches.push((format!("reserved bits {reserved:x} on a ping"), frame(FIN | reserved | PING, b"")));
    }
    for opcode in [0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF] {
        breaches.push((format!("opcode {opcode:x}"), frame(FIN | opcode, b"")));
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65_535] {
        breaches.push((format!("a close with {code}"), close_frame(code)));
    }
    for (what, bytes) in breaches {
        assert_eq!(verdict(&server, &bytes).await, Some(1002), "{what}");
    }
}

#[tokio::test]
async fn row_20_text_that_is_not_utf8_ends_with_1007() {
    let server = Server::start().await;
    let bad: [(&str, &[u8]); 7] = [
        ("a byte that never is", b"{\"type\":\"\xFF\"}"),
        ("an overlong slash", b"\xC0\xAF"),
        ("a surrogate", b"\xED\xA0\x80"),
        ("beyond the last character", b"\xF4\x90\x80\x80"),
        ("a continuation alone", b"\x80"),
        ("cut in the middle", b"\xE2\x82"),
        ("Latin-1", b"caf\xE9"),
    ];
    for (what, payload) in bad {
        assert_eq!(verdict(&server, &frame(FIN | TEXT, payload)).await, Some(1007), "{what}");
        let (first, last) = payload.split_at(1);
        let halves = [frame(TEXT, first), frame(FIN | CONTINUE, last)].concat();
        assert_eq!(verdict(&server, &halves).await, Some(1007), "{what}, in fragments");
    }
    let reason = [&1000_u16.to_be_bytes()[..], b"\xFF"].concat();
    let code = verdict(&server, &frame(FIN | CLOSE, &reason)).await;
    assert!(matches!(code, Some(1007 | 1002)), "a reason that is not UTF-8: {code:?}");
}

#[tokio::test]
async fn row_20_binary_ends_with_1003_and_a_good_close_is_answered_with_its_own_code() {
    let server = Server::start().await;
    assert_eq!(verdict(&server, &frame(FIN | BINARY, b"{}")).await, Some(1003));
    assert_eq!(verdict(&server, &frame(FIN | BINARY, b"")).await, Some(1003));
    assert_eq!(verdict(&server, &frame(BINARY, b"{")).await, Some(1003));
    for code in [1000, 1001, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        assert_eq!(verdict(&server, &close_frame(code)).await, Some(code), "{code}");
    }
    // After all that somebody who keeps to the rules is served.
    let mut socket = customer(&server).await;
    socket.text(&json!({ "type": "subscribe", "order_id": "none", "id": 1 })).await;
    assert_eq!(socket.wait_for("error").await["code"], "not_found");
}
