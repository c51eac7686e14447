//! The floor as another implementation's client sees it (tokio-tungstenite): handshake, masking, ping, relay, close.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Stdio;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

const DEADLINE: Duration = Duration::from_secs(10);

async fn floor(args: &[&str]) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .arg("floor")
        .args(args)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(DEADLINE, lines.next_line()).await.unwrap().unwrap().unwrap();
    (child, line.strip_prefix("listening on http://").unwrap().to_owned())
}

async fn client(addr: &str, path: &str, name: &str) -> Client {
    let mut request = format!("ws://{addr}{path}").into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {name}").parse().unwrap());
    connect_async(request).await.unwrap().0
}

async fn next(client: &mut Client) -> Message {
    tokio::time::timeout(DEADLINE, client.next()).await.expect("nothing came").unwrap().unwrap()
}

async fn relays_one_fix(args: &[&str]) {
    let (_child, addr) = floor(args).await;
    let (mut driver, mut customer) =
        (client(&addr, "/ws/driver", "d1").await, client(&addr, "/ws/customer", "c").await);
    customer.send(Message::text(r#"{"type":"subscribe","id":"s1","order_id":"d1"}"#)).await.unwrap();
    assert_eq!(next(&mut customer).await.into_text().unwrap().as_str(), r#"{"type":"ok","id":"s1"}"#);
    driver.send(Message::text(r#"{"type":"location","latitude":43.7,"timestamp":7,"seq":7}"#)).await.unwrap();
    let got: serde_json::Value = serde_json::from_str(next(&mut customer).await.to_text().unwrap()).unwrap();
    assert_eq!(got["type"], "location");
    assert_eq!((&got["driver_id"], &got["order_id"]), (&"d1".into(), &"d1".into()));
    assert_eq!((got["latitude"].as_f64(), got["timestamp"].as_i64()), (Some(43.7), Some(7)));
    if args.contains(&"--acks") {
        assert_eq!(next(&mut driver).await.into_text().unwrap().as_str(), r#"{"type":"ack","seq":7}"#);
    }
    customer.send(Message::Ping("beat".into())).await.unwrap();
    assert_eq!(next(&mut customer).await, Message::Pong("beat".into()));
    customer.close(None).await.unwrap();
    assert!(matches!(next(&mut customer).await, Message::Close(_)));
}

#[tokio::test]
async fn one_thread_relays_a_fix_to_its_watcher() {
    relays_one_fix(&[]).await;
}

#[tokio::test]
async fn several_threads_relay_and_acknowledge() {
    relays_one_fix(&["--threads", "2", "--acks"]).await;
}

#[tokio::test]
async fn the_newest_fix_arrives_after_a_watcher_has_not_read_for_a_while() {
    let (_child, addr) = floor(&[]).await;
    let (mut driver, mut customer) =
        (client(&addr, "/ws/driver", "d1").await, client(&addr, "/ws/customer", "c").await);
    customer.send(Message::text(r#"{"type":"subscribe","id":"s1","order_id":"d1"}"#)).await.unwrap();
    next(&mut customer).await;
    // Under the backlog's bound together with what the kernel holds, and more than one write takes.
    let (count, filler) = (100, "x".repeat(8_000));
    for n in 1..=count {
        let fix = format!(r#"{{"type":"location","filler":"{filler}","timestamp":{n}}}"#);
        driver.send(Message::text(fix)).await.unwrap();
    }
    for n in 1..=count {
        let got: serde_json::Value = serde_json::from_str(next(&mut customer).await.to_text().unwrap()).unwrap();
        assert_eq!(got["timestamp"], n);
    }
}
