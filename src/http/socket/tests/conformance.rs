//! What the Autobahn suite asks of a server, in short, on the echo that the suite is run against: each row is one case of
//! it or a few alike, under their number there. docs/benchmarks/conformance.md tells of the suite itself.

use super::client::*;
use super::server::Server;
use crate::http::socket::Timings;
use std::io::ErrorKind;
use std::time::Duration;
use std::time::Instant;

/// "kosme" with its accent, the suite's favourite: two and three bytes a character.
const KOSME: &[u8] = "κόσμε".as_bytes();

/// What is sent on a fresh socket and what must come back.
struct Row {
    case: &'static str,
    sends: Vec<u8>,
    answers: Vec<Frame>,
    end: End,
}

/// How the row ends.
#[derive(Clone, Copy)]
enum End {
    /// The server closes with this code, unasked.
    Refused(u16),
    /// The socket is still good for a message and for a farewell of ours.
    Open,
}

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(FIN | CLOSE, &[&code.to_be_bytes()[..], reason].concat())
}

fn back(opcode: u8, payload: &[u8]) -> Frame {
    Frame { opcode, payload: payload.to_vec() }
}

/// A message in fragments of so many bytes.
fn fragments(opcode: u8, payload: &[u8], size: usize) -> Vec<u8> {
    let last = payload.len().div_ceil(size).saturating_sub(1);
    let pieces = payload.chunks(size).enumerate().map(|(index, piece)| {
        let fin = if index == last { FIN } else { 0 };
        frame(fin | if index == 0 { opcode } else { CONTINUE }, piece)
    });
    pieces.flatten().collect()
}

fn echoed(case: &'static str, opcode: u8, payload: &[u8]) -> Row {
    Row { case, sends: frame(FIN | opcode, payload), answers: vec![back(opcode, payload)], end: End::Open }
}

fn good(case: &'static str, sends: Vec<u8>, answers: Vec<Frame>) -> Row {
    Row { case, sends, answers, end: End::Open }
}

/// A message, which is echoed, and then what must be refused.
fn refused(case: &'static str, code: u16, bad: &[u8]) -> Row {
    let sends = [frame(FIN | TEXT, b"good"), bad.to_vec()].concat();
    Row { case, sends, answers: vec![back(TEXT, b"good")], end: End::Refused(code) }
}

async fn check(server: &Server, row: Row) {
    let case = row.case;
    let mut client = Client::open_echo(server.addr).await;
    client.send(row.sends).await;
    for answer in row.answers {
        assert!(client.next().await.expect(case) == answer, "{case}: another answer");
    }
    let code = match row.end {
        End::Refused(code) => code,
        End::Open => {
            client.text("still good").await;
            assert_eq!(client.next().await.expect(case), back(TEXT, b"still good"), "{case}");
            client.send(close(1000, b"")).await;
            1000
        }
    };
    assert_eq!(client.next().await.expect(case), back(CLOSE, &code.to_be_bytes()), "{case}");
    assert_eq!(client.next().await.expect_err(case).kind(), ErrorKind::UnexpectedEof, "{case}: the end in order");
}

async fn check_all(rows: Vec<Row>) {
    let server = Server::start();
    for row in rows {
        check(&server, row).await;
    }
}

#[actix_web::test]
async fn messages_of_every_length_come_back() {
    check_all(vec![
        echoed("1.1.1", TEXT, b""),
        echoed("1.1.2", TEXT, &[b'*'; 125]),
        echoed("1.1.3", TEXT, &[b'*'; 126]),
        echoed("1.1.6", TEXT, &[b'*'; 65_535]),
        echoed("1.1.7", TEXT, &[b'*'; 65_536]),
        echoed("1.2.1", BINARY, b""),
        echoed("1.2.2", BINARY, &[0xFE; 125]),
        echoed("1.2.3", BINARY, &[0xFE; 126]),
        echoed("1.2.7", BINARY, &[0xFE; 65_536]),
    ])
    .await;
}

#[actix_web::test]
async fn pings_are_answered_and_pongs_are_not() {
    let ten_pings = (0..10_u8).flat_map(|n| frame(FIN | PING, &[n])).collect();
    let ten_pongs = (0..10_u8).map(|n| back(PONG, &[n])).collect();
    check_all(vec![
        good("2.1", frame(FIN | PING, b""), vec![back(PONG, b"")]),
        good("2.4", frame(FIN | PING, &[0xFE; 125]), vec![back(PONG, &[0xFE; 125])]),
        refused("2.5", 1002, &frame(FIN | PING, &[0xFE; 126])),
        good("2.8", frame(FIN | PONG, b"unasked"), vec![]),
        good("2.10", ten_pings, ten_pongs),
    ])
    .await;
}

#[actix_web::test]
async fn reserved_bits_and_opcodes_are_refused_after_what_was_good() {
    let mut rows = Vec::new();
    for reserved in 1..=7_u8 {
        rows.push(refused("3.1 to 3.7", 1002, &frame(FIN | reserved << 4 | TEXT, b"x")));
        rows.push(refused("3.5 to 3.7", 1002, &frame(FIN | reserved << 4 | PING, b"")));
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        rows.push(refused("4.1 and 4.2", 1002, &frame(FIN | opcode, b"x")));
    }
    check_all(rows).await;
}

#[actix_web::test]
async fn fragments_become_one_message() {
    let long: Vec<u8> = (0..65_536_u32).map(|n| b'a' + (n % 26) as u8).collect();
    let pinged = [frame(TEXT, b"a"), frame(FIN | PING, b"p"), frame(FIN | CONTINUE, b"b")].concat();
    check_all(vec![
        refused("5.1", 1002, &frame(PING, b"x")),
        refused("5.2", 1002, &frame(PONG, b"x")),
        good("5.3", fragments(TEXT, b"ab", 1), vec![back(TEXT, b"ab")]),
        good("5.6", pinged, vec![back(PONG, b"p"), back(TEXT, b"ab")]),
        refused("5.9", 1002, &frame(FIN | CONTINUE, b"x")),
        refused("5.10", 1002, &frame(CONTINUE, b"x")),
        refused("5.18", 1002, &[frame(TEXT, b"x"), frame(FIN | TEXT, b"y")].concat()),
        good("5, binary", fragments(BINARY, &[0xFE; 9], 2), vec![back(BINARY, &[0xFE; 9])]),
        good("5, empty", [frame(TEXT, b""), frame(FIN | CONTINUE, b"")].concat(), vec![back(TEXT, b"")]),
        good("9.3, more than anywhere else", fragments(TEXT, &long, 16), vec![back(TEXT, &long)]),
        good("10.1.1", fragments(TEXT, &long, 1_300), vec![back(TEXT, &long)]),
    ])
    .await;
}

#[actix_web::test]
async fn text_is_utf8_and_nothing_else() {
    let mut rows = vec![
        echoed("6.2.1", TEXT, KOSME),
        good("6.2.3", fragments(TEXT, KOSME, 1), vec![back(TEXT, KOSME)]),
        echoed("6.9.4 and 6.22", TEXT, "\u{7FF}\u{800}\u{FFFF}\u{10000}\u{10FFFF}\u{D7FF}\u{E000}".as_bytes()),
        good("6, binary is no text", fragments(BINARY, b"\xFF\xFE", 1), vec![back(BINARY, b"\xFF\xFE")]),
    ];
    let bad: [&[u8]; 9] = [
        b"\xCE\xBA\xE1\xBD",     // 6.6: cut within a character
        b"\xF8\x88\x80\x80\x80", // 6.8, 6.10: five bytes
        b"\x80",                 // 6.12: a continuation byte alone
        b"\xC0\x20",             // 6.13: a beginning alone
        b"\xC0\xAF",             // 6.17: longer than it must be
        b"\xE0\x80\xAF",         // the same
        b"\xED\xA0\x80",         // 6.19: half a surrogate pair
        b"\xF4\x90\x80\x80",     // 6.4: beyond the last
        b"\xFE",                 // 6.14: never a byte of UTF-8
    ];
    for bytes in bad {
        rows.push(refused("6.3 to 6.21", 1007, &frame(FIN | TEXT, &[KOSME, bytes].concat())));
        rows.push(refused("6.3.2", 1007, &fragments(TEXT, &[KOSME, bytes].concat(), 1)));
    }
    // The fragment that spoils it is not the last, and no other comes.
    rows.push(refused("6.4.1", 1007, &[frame(TEXT, KOSME), frame(CONTINUE, b"\xF4\x90")].concat()));
    // So does the piece of a frame.
    let spoilt = frame(FIN | TEXT, &[KOSME, b"\xF4\x90\x80\x80edited"].concat());
    rows.push(refused("6.4.3", 1007, &spoilt[..spoilt.len() - 8]));
    check_all(rows).await;
}

#[actix_web::test]
async fn a_farewell_is_answered_with_its_code_or_refused() {
    let server = Server::start();
    let mut client = Client::open_echo(server.addr).await;
    client.send(frame(FIN | CLOSE, b"")).await;
    assert_eq!(client.next().await.unwrap(), back(CLOSE, b""), "7.3.1: no code is answered with none");
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1014, 3000, 3999, 4000, 4999] {
        let mut client = Client::open_echo(server.addr).await;
        client.send(close(code, &[b'x'; 123])).await;
        assert_eq!(client.closed().await, (code, String::new()), "7.7");
    }
    let mut rows = vec![
        refused("7.3.2", 1002, &frame(FIN | CLOSE, b"x")),
        refused("7.3.6", 1002, &close(1000, &[b'x'; 124])),
        refused("7.5.1", 1007, &close(1000, b"\xCE\xBA\xED\xA0\x80")),
    ];
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        rows.push(refused("7.9 and 7.13", 1002, &close(code, b"")));
    }
    check_all(rows).await;
}

#[actix_web::test]
async fn what_comes_after_a_farewell_is_not_handled() {
    let server = Server::start();
    for after in [frame(FIN | TEXT, b"x"), frame(FIN | PING, b"x"), close(1002, b""), frame(FIN | 0x7F, b"x")] {
        let mut client = Client::open_echo(server.addr).await;
        client.send([close(1000, b""), after].concat()).await;
        assert_eq!(client.closed().await, (1000, String::new()), "7.1.2 to 7.1.5");
        assert_eq!(client.next().await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}

#[actix_web::test]
async fn verdicts_do_not_depend_on_the_pieces_frames_come_in() {
    let server = Server::start();
    let rows = [
        (frame(FIN | TEXT | 0x40, b"x"), 1002),
        (frame(FIN | PING, &[0; 126]), 1002),
        ([frame(TEXT, KOSME), frame(FIN | CONTINUE, b"\xFF")].concat(), 1007),
        (close(1005, b""), 1002),
        (close(1000, b"\xFF"), 1007),
        (close(4999, KOSME), 4999),
    ];
    for (bytes, code) in rows {
        let mut client = Client::open_echo(server.addr).await;
        for byte in bytes {
            // It may be refused, and its connection ended, before the last of it.
            if client.try_send(&[byte]).await.is_err() {
                break;
            }
        }
        assert_eq!(client.closed().await.0, code);
    }
}

#[actix_web::test]
async fn the_echo_waits_for_the_rest_of_a_message_where_other_sockets_do_not() {
    let server = Server::with(Timings { half_frame: Duration::from_millis(100), ..Timings::default() });
    let mut echo = Client::open_echo(server.addr).await;
    let whole = frame(FIN | TEXT, b"in two pieces");
    let (first, second) = whole.split_at(9);
    echo.send(first).await;
    // After the second of them the warden has been at the echo too.
    for _ in 0..2 {
        let mut other = Client::open(server.addr).await;
        other.send(first).await;
        assert_eq!(other.closed().await.0, 1008);
    }
    echo.send(second).await;
    assert_eq!(echo.next_text().await, "in two pieces", "9.5 and 9.6");
}

#[actix_web::test]
async fn the_server_is_the_first_to_end_the_connection_and_at_once() {
    let server = Server::start();
    // Many, of which the fastest counts: a busy machine is late, but never early. Without it each takes the second that
    // the dispatcher reads on for.
    let ends = (0..10).map(|n| {
        let addr = server.addr;
        async move {
            let mut client = Client::open_echo(addr).await;
            let farewell = if n % 2 == 0 { close(1000, b"") } else { frame(FIN | 0x3, b"bad") };
            client.send(farewell).await;
            client.closed().await;
            let since = Instant::now();
            assert_eq!(client.next().await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
            // Half closed only: what we still send is read, not answered with a reset.
            client.send(frame(FIN | CLOSE, &1000_u16.to_be_bytes())).await;
            assert_eq!(client.next().await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
            since.elapsed()
        }
    });
    let fastest = futures_util::future::join_all(ends).await.into_iter().min().unwrap();
    assert!(fastest < Duration::from_millis(500), "{fastest:?}");
}
