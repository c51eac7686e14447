//! Room for sockets in the whole program: memory, open files, and a driver's own older sockets.

use crate::support::Claims;
use crate::support::PATIENCE;
use crate::support::Server;
use crate::support::Socket;
use crate::support::until;
use serde_json::Value;
use serde_json::json;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::process::Command;

/// One machine plays everybody, as often as it likes.
const NO_LIMITS: [(&str, &str); 3] = [
    ("BEELINE_MAX_SOCKETS_PER_PRINCIPAL", "0"),
    ("BEELINE_MAX_SOCKETS_PER_ADDRESS", "0"),
    ("BEELINE_RATE_BROWSE", "0"),
];

async fn readiness(server: &Server) -> (u16, Value) {
    let answer = server.http.get(format!("{}/readyz", server.base)).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn above_the_memory_limit_sockets_are_refused_and_those_open_go_on() {
    let resident = Server::start().await.metric("beeline_resident_bytes").await;
    assert!(resident > 1_000_000.0, "{resident}");
    let limit = format!("{}MiB", (resident / 1_048_576.0).ceil() as u64 + 12);
    let server = Server::with(&[&NO_LIMITS[..], &[("BEELINE_MEMORY_HIGH", &limit)]].concat()).await;
    let customer = server.caller("customer", "c-1");
    let mut first = customer.socket("/ws/customer").await;
    assert_eq!(readiness(&server).await.1["status"], "ready");
    // Each costs some kilobytes, so that there comes one too many.
    let mut others = Vec::new();
    let refused = loop {
        match Socket::open(&server.base, "/ws/customer", customer.token.as_deref()).await {
            Ok(socket) => others.push(socket),
            Err(refused) => break refused,
        }
        assert!(others.len() < 8_000, "none was refused with {} bytes", server.metric("beeline_resident_bytes").await);
    };
    assert_eq!(refused.code(), (503, "busy"));
    first.refused(json!({ "type": "subscribe", "order_id": "none" }), "not_found").await;
    customer.get("/orders").await.expect(200);
    let (status, state) = readiness(&server).await;
    assert_eq!((status, state["status"].as_str()), (200, Some("degraded")), "{state}");
    assert_eq!(state["dependencies"]["memory"]["state"], "high", "{state}");
    assert!(server.metric(r#"beeline_upgrades_refused_total{reason="memory"}"#).await >= 1.0);
    let said = server.log_end();
    assert_eq!(said.matches("short of memory").count(), 1, "it is said once: {said}");
}

#[tokio::test]
async fn a_driver_is_never_locked_out_by_their_own_older_sockets() {
    let server = Server::with(&[("BEELINE_MAX_SOCKETS_PER_PRINCIPAL", "2")]).await;
    let driver = server.caller("driver", "d-1");
    let mut older = Vec::new();
    for _ in 0..6 {
        older.push(driver.socket("/ws/driver").await);
    }
    let mut newest = older.pop().unwrap();
    for socket in &mut older {
        assert_eq!(socket.closed().await.0, 4409);
    }
    newest.command(json!({ "type": "status", "status": "paused" })).await;
    let customer = server.caller("customer", "c-1");
    let _held = [customer.socket("/ws/customer").await, customer.socket("/ws/customer").await];
    assert_eq!(customer.refused_socket("/ws/customer").await.code(), (429, "too_many"));
    assert_eq!(server.metric(r#"beeline_upgrades_refused_total{reason="principal"}"#).await, 1.0);
    assert_eq!(server.metric("beeline_socket_addresses").await, 1.0);
    // The closed ones count for their address until their connections are gone.
    drop(older);
    let counted = || async { (server.metric("beeline_sockets_of_one_address").await == 3.0).then_some(()) };
    until("three are counted", counted).await;
}

#[tokio::test]
async fn an_upgrade_to_another_protocol_is_refused_and_the_connection_closed() {
    let server = Server::start().await;
    let address = server.base.strip_prefix("http://").unwrap();
    let hidden = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    for (path, headers, status) in [
        (
            "/healthz",
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
            400,
        ),
        ("/healthz", "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n", 400),
        ("/ws/customer", "Connection: Upgrade\r\nUpgrade: h2c\r\n", 400),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n{hidden}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut heard = Vec::new();
        // Closed with something unread it may end in a reset.
        let _ = tokio::time::timeout(Duration::from_secs(3), stream.read_to_end(&mut heard)).await.expect("its end");
        let heard = String::from_utf8(heard).unwrap();
        assert!(heard.starts_with(&format!("HTTP/1.1 {status} ")), "{headers}: {heard}");
        assert_eq!(heard.matches("HTTP/1.1 ").count(), 1, "{headers}: {heard}");
    }
}

/// A program that may have so many open files and no more; where it listens, and a customer's token.
async fn serve_with_few_files(folder: &std::path::Path, open_files: u32) -> (tokio::process::Child, String, String) {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {open_files}; exec \"$0\" serve --dev"), env!("CARGO_BIN_EXE_beeline")]);
    command.env("BEELINE_LISTEN", "127.0.0.1:0").env("BEELINE_DATA", folder).envs(NO_LIMITS).kill_on_drop(true);
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
    let secret = std::fs::read_to_string(folder.join("dev-secret")).unwrap();
    let claims = Claims::of("customer", "c-1");
    let token = crate::support::sign(&claims, secret.trim(), jsonwebtoken::Algorithm::HS256);
    (child, first.strip_prefix("listening on ").unwrap().to_owned(), token)
}

#[tokio::test]
async fn connections_never_use_up_the_open_files() {
    const OPEN_FILES: u32 = 200;
    const RESERVE: usize = 128;
    let folder = tempfile::tempdir().unwrap();
    let (_child, base, token) = serve_with_few_files(folder.path(), OPEN_FILES).await;
    let open = || tokio::time::timeout(Duration::from_secs(2), Socket::open(&base, "/ws/customer", Some(&token)));
    let mut sockets = Vec::new();
    // Until nobody is let in any more: the next one waits in the kernel's queue.
    while let Ok(opened) = open().await {
        sockets.push(opened.expect("refused by nobody"));
        assert!(sockets.len() <= OPEN_FILES as usize - RESERVE, "{} connections", sockets.len());
    }
    assert!(sockets.len() >= (OPEN_FILES as usize - RESERVE) / 2, "{} connections", sockets.len());
    // Those inside do not feel it, the store included.
    sockets[0].welcome().await;
    sockets[0].refused(json!({ "type": "subscribe", "order_id": "none" }), "not_found").await;
    drop(sockets.split_off(10));
    until("room again", || async { open().await.ok().and_then(Result::ok) }).await;
}
