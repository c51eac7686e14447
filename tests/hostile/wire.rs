//! Row 30: requests made so that two servers read them differently, and upgrades that are none.
//!
//! What the row says of a rogue publisher between nodes (forged events, huge values, unknown versions) comes with the
//! cluster: today no node listens to another.

use crate::bare::Answer;
use crate::bare::Bare;
use crate::support::CENTRE;
use crate::support::Claims;
use crate::support::Server;
use crate::support::order_body;
use std::time::Duration;

/// What a smuggled request would look like.
const HIDDEN: &str = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: smuggled\r\n\r\n";

/// Sends one request and gives everything that came back, and whether the server hung up.
async fn sent(server: &Server, request: &[u8]) -> (String, bool) {
    let mut connection = Bare::connect(server).await;
    let _ = connection.try_send(request).await;
    connection.rest(Duration::from_secs(7)).await
}

/// 400 and the connection closed, and nothing of what was hidden in it answered.
async fn refused(server: &Server, what: &str, request: String) {
    let (said, ended) = sent(server, request.as_bytes()).await;
    assert!(said.starts_with("HTTP/1.1 400"), "{what}: {said}");
    assert_eq!(said.matches("HTTP/1.1").count(), 1, "{what} was answered twice: {said}");
    assert!(!said.contains("smuggled"), "{what}: {said}");
    assert!(ended, "{what}: the connection stays open");
}

fn head(server: &Server, more: &str) -> String {
    let token = server.token(&Claims::of("customer", "c-1"));
    format!(
        "POST /api/v1/orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\n{more}\r\n"
    )
}

#[tokio::test]
async fn row_30_a_request_with_two_lengths_is_refused_and_the_connection_closed() {
    let server = Server::start().await;
    let chunked = format!("0\r\n\r\n{HIDDEN}");
    let length = chunked.len();
    for (what, more) in [
        ("CL and TE", format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n")),
        ("TE and CL", format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n")),
        ("TE and a length of 4", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n".to_owned()),
        ("two lengths", format!("Content-Length: 5\r\nContent-Length: {length}\r\n")),
        ("two lengths in one", format!("Content-Length: 5, {length}\r\n")),
        ("a length with a sign", format!("Content-Length: +{length}\r\n")),
        ("a negative length", "Content-Length: -1\r\n".to_owned()),
        ("a length in hexadecimal", "Content-Length: 0x10\r\n".to_owned()),
        ("a length beyond 64 bits", "Content-Length: 99999999999999999999\r\n".to_owned()),
        ("TE of an unknown kind", "Transfer-Encoding: xchunked\r\n".to_owned()),
        ("TE not chunked at its end", "Transfer-Encoding: chunked, identity\r\n".to_owned()),
        ("TE twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n".to_owned()),
        ("a space before the colon", "Transfer-Encoding : chunked\r\n".to_owned()),
        ("a folded header", "Transfer-Encoding:\r\n chunked\r\n".to_owned()),
        ("a NUL in a header", "X-A: a\0b\r\n".to_owned()),
    ] {
        refused(&server, what, format!("{}{chunked}", head(&server, &more))).await;
    }
    for (what, line) in [
        ("no version", "GET /healthz"),
        ("another version", "GET /healthz HTTP/3.7"),
        ("a space in the path", "GET /heal thz HTTP/1.1"),
        ("a control character in the path", "GET /heal\u{1}thz HTTP/1.1"),
        ("a line that is none", "\u{1}\u{2}\u{3}"),
    ] {
        refused(&server, what, format!("{line}\r\nHost: localhost\r\n\r\n")).await;
    }
    // Chunks that lie.
    for (what, body) in [
        ("a size that is none", "zz\r\nhello\r\n0\r\n\r\n".to_owned()),
        ("a size beyond 64 bits", "fffffffffffffffff\r\nhello\r\n0\r\n\r\n".to_owned()),
        ("a chunk longer than it says", format!("1\r\nhello\r\n0\r\n\r\n{HIDDEN}")),
    ] {
        let (said, _) =
            sent(&server, format!("{}{body}", head(&server, "Transfer-Encoding: chunked\r\n")).as_bytes()).await;
        assert!(said.starts_with("HTTP/1.1 4"), "{what}: {said}");
        assert!(!said.contains("smuggled") && said.matches("HTTP/1.1").count() <= 1, "{what}: {said}");
    }
    let customer = server.caller("customer", "c-1");
    let orders = customer.get("/orders").await.expect(200).body;
    assert_eq!(orders["orders"].as_array().unwrap().len(), 0, "none of them was placed");
    customer.post("/orders", order_body(CENTRE, CENTRE.north(500.0))).await.expect(201);
}

#[tokio::test]
async fn row_30_what_follows_a_refused_body_is_never_a_request() {
    let server = Server::start().await;
    // Too large by its own word: what follows is not looked at as a request.
    let request = format!("{}{HIDDEN}", head(&server, "Content-Length: 999999999\r\n"));
    let (said, _) = sent(&server, request.as_bytes()).await;
    assert!(!said.contains("smuggled") && said.matches("HTTP/1.1").count() <= 1, "{said}");
    // A GET that brings a body: it is the body of that GET and no more.
    let request =
        format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{HIDDEN}", HIDDEN.len());
    let (said, _) = sent(&server, request.as_bytes()).await;
    assert!(!said.contains("smuggled"), "{said}");
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    // Two requests that are two are answered as two.
    let two = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: one\r\n\r\n\
               GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: two\r\n\r\n";
    let (said, _) = sent(&server, two.as_bytes()).await;
    assert_eq!(said.matches("HTTP/1.1 200").count(), 2, "{said}");
}

#[tokio::test]
async fn row_30_headers_without_end_are_refused() {
    let server = Server::start().await;
    let many: String = (0..2_000).map(|number| format!("X-{number}: 1\r\n")).collect();
    let long = format!("X-Long: {}\r\n", "x".repeat(1_000_000));
    for (what, more) in [("two thousand headers", many), ("a header of a megabyte", long)] {
        let (said, ended) = sent(&server, head(&server, &more).as_bytes()).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{what}: {said}");
        assert!(ended, "{what}");
    }
    let path = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(300_000));
    let (said, _) = sent(&server, path.as_bytes()).await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
    server.caller("customer", "c-1").get("/orders").await.expect(200);
}

async fn asked(server: &Server, request: String) -> Answer {
    let mut connection = Bare::connect(server).await;
    connection.send(request).await;
    connection.answer().await
}

#[tokio::test]
async fn row_30_an_upgrade_that_is_incomplete_or_to_something_else_never_happens() {
    let server = Server::start().await;
    let token = server.token(&Claims::of("customer", "c-1"));
    let upgrade = |more: &str| {
        format!("GET /ws/customer HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n{more}\r\n")
    };
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let version = "Sec-WebSocket-Version: 13\r\n";
    let websocket = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    let without_key = asked(&server, upgrade(&format!("{websocket}{version}"))).await;
    assert_eq!(without_key.status, 400, "{without_key:?}");
    for (what, more, status) in [
        ("no version", format!("{websocket}{key}"), 426),
        ("version 8", format!("{websocket}{key}Sec-WebSocket-Version: 8\r\n"), 426),
        ("no Connection", format!("Upgrade: websocket\r\n{key}{version}"), 426),
        ("no Upgrade", format!("Connection: Upgrade\r\n{key}{version}"), 426),
        (
            "h2c",
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n".to_owned(),
            400,
        ),
        ("h2c and a key", format!("Connection: Upgrade\r\nUpgrade: h2c\r\n{key}{version}"), 400),
        ("TLS", "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n".to_owned(), 400),
    ] {
        let answer = asked(&server, upgrade(&more)).await;
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        assert!(answer.body.contains("\"code\":"), "{what}: {answer:?}");
    }
    // Elsewhere nobody asks for another protocol and gets it.
    for to in ["h2c", "websocket", "TLS/1.0"] {
        let more = "HTTP2-Settings: AAMAAABkAAQAAP__\r\n";
        let request = format!(
            "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: {to}\r\n{more}\r\n"
        );
        let answer = asked(&server, request).await;
        assert_eq!(answer.status, if to == "websocket" { 200 } else { 400 }, "{to}: {answer:?}");
        assert!(!answer.head.to_ascii_lowercase().contains("upgrade: h2c"), "{to}: {answer:?}");
    }
    // A POST is no upgrade, and HTTP/1.0 has none.
    let posted = upgrade(&format!("{websocket}{key}{version}")).replacen("GET", "POST", 1);
    let answer = asked(&server, posted).await;
    assert!(matches!(answer.status, 400 | 405), "{answer:?}");
    let old = upgrade(&format!("{websocket}{key}{version}")).replacen("HTTP/1.1", "HTTP/1.0", 1);
    let (said, _) = sent(&server, old.as_bytes()).await;
    assert!(!said.contains(" 101 "), "{said}");
}

#[tokio::test]
async fn row_30_http_2_without_being_asked_is_refused_and_closed() {
    let server = Server::start().await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let (said, ended) = sent(&server, preface).await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 400"), "{said}");
    assert!(ended);
    // TLS spoken to a port without it.
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    let (said, ended) = sent(&server, hello).await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 400"), "{said}");
    assert!(ended);
    // A smuggled request behind an upgrade that was refused.
    let token = server.token(&Claims::of("customer", "c-1"));
    let behind = format!(
        "GET /ws/customer HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 777\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n{HIDDEN}"
    );
    let (said, _) = sent(&server, behind.as_bytes()).await;
    assert!(said.starts_with("HTTP/1.1 426") && !said.contains("HTTP/1.1 101"), "{said}");
}

#[tokio::test]
async fn nonsense_raises_no_alarm_in_the_log() {
    let server = Server::start().await;
    for nonsense in
        ["GET / HTTP/9.9\r\nHost: x\r\n\r\n", "\u{0}\u{16}\u{3}\u{1}\r\n\r\n", "GET / HTTP/1.1\r\nHo st: x\r\n\r\n"]
    {
        let answer = asked(&server, nonsense.to_owned()).await;
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    let log = server.log_text();
    assert!(!log.contains("\"ERROR\"") && !log.contains("\"WARN\""), "{log}");
}
