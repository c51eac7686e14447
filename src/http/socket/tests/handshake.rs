//! The upgrade itself.

use super::client::*;
use super::server::Server;
use std::time::Duration;
use tokio::net::TcpStream;

async fn answer(server: &Server, head: &str) -> String {
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    request(&mut stream, head).await.to_ascii_lowercase()
}

#[actix_web::test]
async fn beeline_v1_is_chosen_wherever_it_is_offered() {
    let server = Server::start();
    for offer in [
        "Sec-WebSocket-Protocol: beeline.v1, bearer.abc\r\n",
        "Sec-WebSocket-Protocol: bearer.abc, beeline.v1\r\n",
        "Sec-WebSocket-Protocol: bearer.abc\r\nSec-WebSocket-Protocol: beeline.v1\r\n",
    ] {
        let head = answer(&server, &upgrade_head(offer)).await;
        assert!(head.starts_with("http/1.1 101 "), "{head}");
        assert!(head.contains("\r\nsec-websocket-protocol: beeline.v1\r\n"), "{offer}: {head}");
    }
    for none in ["", "Sec-WebSocket-Protocol: bearer.abc\r\n"] {
        let head = answer(&server, &upgrade_head(none)).await;
        assert!(head.starts_with("http/1.1 101 ") && !head.contains("sec-websocket-protocol"), "{none}: {head}");
    }
}

#[actix_web::test]
async fn what_is_no_websocket_is_told_what_is() {
    let server = Server::start();
    let good = upgrade_head("");
    let cases = [
        ("GET /ws HTTP/1.1\r\nHost: x\r\n".to_owned(), "426 ", "\r\nupgrade: websocket\r\n"),
        (good.replace("Version: 13", "Version: 12"), "426 ", "\r\nsec-websocket-version: 13\r\n"),
        (good.replace("Version: 13", "Version: 8"), "426 ", "\r\nsec-websocket-version: 13\r\n"),
        (format!("{good}Sec-WebSocket-Version: 8\r\n"), "426 ", "\r\nsec-websocket-version: 13\r\n"),
        (good.replace("Sec-WebSocket-Key", "X-Key"), "400 ", ""),
        (good.replace("HTTP/1.1", "HTTP/1.0"), "400 ", ""),
        (good.replace("GET", "POST"), "405 ", "\r\nallow: get\r\n"),
    ];
    for (head, status, header) in cases {
        let answer = answer(&server, &head).await;
        // An answer over HTTP/1.0 says so.
        let begins = ["http/1.1 ", "http/1.0 "].iter().any(|version| answer.starts_with(&format!("{version}{status}")));
        assert!(begins && answer.contains(header), "{head}: {answer}");
    }
}

#[actix_web::test]
async fn a_draining_server_opens_no_socket() {
    let server = Server::start();
    server.rails.drain(Duration::ZERO);
    let head = answer(&server, &upgrade_head("")).await;
    assert!(head.starts_with("http/1.1 503 ") && head.contains("\r\nretry-after: 1\r\n"), "{head}");
}
