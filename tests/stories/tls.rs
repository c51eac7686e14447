//! TLS by configuration: everything that works without it works with it, and nobody holds a handshake open.

use crate::support::CENTRE;
use crate::support::Claims;
use crate::support::Customer;
use crate::support::Driver;
use crate::support::PATIENCE;
use crate::support::Pki;
use crate::support::Server;
use crate::support::Socket;
use crate::support::UNLIMITED;
use crate::support::beeline;
use crate::support::until;
use reqwest::tls::TlsInfo;
use rustls::version::TLS12;
use rustls::version::TLS13;
use std::process::Output;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::Instant;

/// The longest a connection that does not finish its handshake may last.
const UNDECIDED_MAX: Duration = Duration::from_secs(5);
const SECRET: &str = "0123456789abcdef0123456789abcdef-long-enough";

#[tokio::test]
async fn with_a_certificate_calls_and_sockets_go_over_tls() {
    let pki = Pki::new();
    let server = Server::over_tls(&pki, &UNLIMITED).await;
    assert!(server.base.starts_with("https://127.0.0.1:"), "{}", server.base);
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE.north(100.0), CENTRE.north(900.0)).await;
    driver.take(&order_id).await;
    let mut screen = customer.follow(&order_id).await;
    let there = CENTRE.north(20.0);
    driver.at(there).await;
    screen.wait("the move", |frame| there.is_at(frame)).await;
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_spoken_and_http_1_1_within() {
    let pki = Pki::new();
    let server = Server::over_tls(&pki, &[]).await;
    for version in [&TLS12, &TLS13] {
        let mut config = pki.client(&[version]);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let answer = pki.http_with(config).get(format!("{}/healthz", server.base)).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (200, reqwest::Version::HTTP_11), "{version:?}");
        let insists = answer.headers().get("strict-transport-security").unwrap();
        assert!(insists.to_str().unwrap().starts_with("max-age="), "{insists:?}");
    }
    let plain = server.base.replacen("https", "http", 1);
    let stranger = reqwest::Client::builder().no_proxy().build().unwrap();
    assert!(stranger.get(format!("{plain}/healthz")).send().await.is_err(), "plain HTTP is not answered");
    assert!(stranger.get(format!("{}/healthz", server.base)).send().await.is_err(), "who trusts others is not served");
}

/// How long the server keeps a connection on which this is all that is ever said.
async fn kept(server: &Server, said: &[u8]) -> Duration {
    let began = Instant::now();
    let mut stream = TcpStream::connect(server.base.trim_start_matches("https://")).await.unwrap();
    stream.write_all(said).await.unwrap();
    let mut heard = Vec::new();
    // An alert may come first, and a reset is an end as well.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut heard)).await.expect("it is closed");
    began.elapsed()
}

#[tokio::test]
async fn silence_and_half_a_handshake_are_closed_within_five_seconds() {
    let server = Server::over_tls(&Pki::new(), &[]).await;
    // The beginning of a TLS record that carries a ClientHello of 512 bytes, none of which follow.
    let half = [0x16, 0x03, 0x01, 0x02, 0x04, 0x01, 0x00, 0x02, 0x00, 0x03, 0x03];
    let (silent, half, plain) =
        tokio::join!(kept(&server, b""), kept(&server, &half), kept(&server, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert!(silent < UNDECIDED_MAX && half < UNDECIDED_MAX, "{silent:?}, {half:?}");
    assert!(plain < Duration::from_secs(2), "{plain:?}");
}

/// The certificate that a new connection is shown.
async fn shown(server: &Server) -> Vec<u8> {
    let answer = server.http.get(format!("{}/healthz", server.base)).send().await.unwrap();
    answer.extensions().get::<TlsInfo>().unwrap().peer_certificate().unwrap().to_vec()
}

#[tokio::test]
async fn a_renewed_certificate_is_served_without_a_restart_and_a_broken_one_is_not() {
    let pki = Pki::new();
    let server = Server::over_tls(&pki, &[]).await;
    let mut standing = server.caller("customer", "c-1").socket("/ws/customer").await;
    let first = shown(&server).await;
    let (certificate, key) = pki.issue(4000);
    pki.install(&certificate, &key);
    let second =
        until("the renewed certificate", || async { Some(shown(&server).await).filter(|now| *now != first) }).await;

    let (unfit, _) = pki.issue(3999);
    pki.install(&unfit, &key);
    until("the complaint", || async { server.log_end().contains("the old one stays").then_some(()) }).await;
    assert_eq!(shown(&server).await, second, "a certificate without its key changes nothing");
    assert!(server.log_end().contains("BEELINE_TLS_KEY is not the key of"));
    let private = key.lines().nth(1).unwrap();
    assert!(!server.log_text().contains(private), "no key in the log");
    standing.refused(serde_json::json!({ "type": "subscribe", "order_id": "nothing" }), "not_found").await;
}

#[tokio::test]
async fn a_drain_says_1012_over_tls_too() {
    let mut server = Server::over_tls(&Pki::new(), &[("BEELINE_DRAIN", "1s")]).await;
    let mut socket = server.caller("customer", "c-1").socket("/ws/customer").await;
    server.terminate().await;
    let (code, reason) = socket.closed().await;
    assert!(code == 1012 && reason.starts_with("retry_ms="), "{code} {reason}");
    assert_eq!(server.exit().await.code(), Some(0), "{}", server.log_end());
}

#[tokio::test]
async fn rows_9_and_10_over_tls_a_page_of_another_origin_opens_no_socket_and_a_cookie_proves_nothing() {
    let server = Server::over_tls(&Pki::new(), &[("BEELINE_ORIGINS", "https://shop.example")]).await;
    let token = server.token(&Claims::of("customer", "c-1"));
    let ask = |headers: Vec<(&'static str, String)>| {
        let mut request = Socket::request(&server.base, "/ws/customer");
        for (name, value) in headers {
            request.headers_mut().append(name, value.parse().unwrap());
        }
        let stranger = server.stranger();
        async move { stranger.open_request(request).await.map(|_| ()).map_err(|refused| refused.status) }
    };
    let bearer = || ("Authorization", format!("Bearer {token}"));
    let cookie = || ("Cookie", format!("token={token}; access_token={token}; Authorization=Bearer {token}"));
    let origin = |origin: &str| ("Origin", origin.to_owned());
    let plain = server.base.replacen("https", "http", 1);
    for (headers, answer) in [
        (vec![bearer(), origin("https://shop.example")], Ok(())),
        (vec![bearer(), origin(&server.base)], Ok(())),
        (vec![bearer(), origin(&plain)], Err(403)),
        (vec![bearer(), origin("https://evil.example")], Err(403)),
        (vec![bearer(), cookie(), origin("https://evil.example")], Err(403)),
        (vec![cookie(), origin("https://shop.example")], Err(401)),
        (vec![cookie()], Err(401)),
    ] {
        let said = format!("{headers:?}");
        assert_eq!(ask(headers).await, answer, "{said}");
    }
}

#[tokio::test]
async fn metrics_on_an_address_of_their_own_stay_plain() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().to_string();
    drop(listener);
    let server = Server::over_tls(&Pki::new(), &[("BEELINE_METRICS_LISTEN", &own)]).await;
    let text = reqwest::get(format!("http://{own}/metrics")).await.unwrap().text().await.unwrap();
    assert!(text.contains("beeline_fixes_received_total"), "{text}");
    assert_eq!(server.http.get(format!("{}/metrics", server.base)).send().await.unwrap().status(), 404);
}

async fn run(mut command: Command) -> Output {
    tokio::time::timeout(PATIENCE * 2, command.output()).await.expect("the command ends").unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).to_string()
}

#[tokio::test]
async fn files_that_cannot_serve_are_told_before_and_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::new();
    let command = |arguments: &[&str], settings: &[(&str, String)]| {
        let mut command = beeline(arguments);
        command.env("BEELINE_JWT_SECRET", SECRET).env("BEELINE_LISTEN", "127.0.0.1:0");
        command.env("BEELINE_DATA", folder.path());
        command.envs(settings.iter().map(|(name, value)| (*name, value)));
        run(command)
    };
    let [cert, key] = pki.settings();
    let both = [cert.clone(), key.clone()];
    let sound = command(&["check-config"], &both).await;
    assert!(sound.status.success() && sound.stderr.is_empty(), "{}", text(&sound.stderr));
    let (expired, its_key) = pki.issue(2020);
    pki.install(&expired, &its_key);
    let odd = command(&["check-config"], &both).await;
    assert!(odd.status.success(), "{}", text(&odd.stderr));
    assert!(text(&odd.stderr).contains("expired on 2020-01-01"), "{}", text(&odd.stderr));
    pki.install(&expired, &pki.issue(2020).1);
    for arguments in [&["check-config"][..], &["serve"]] {
        for (settings, reason) in [
            (&both[..], "BEELINE_TLS_KEY is not the key of"),
            (&both[..1], "BEELINE_TLS_KEY is not set"),
            (&both[1..], "BEELINE_TLS_CERT is not set"),
        ] {
            let output = command(arguments, settings).await;
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
            assert!(said.contains(reason), "{arguments:?}: {said}");
            assert!(output.stdout.is_empty(), "nothing listens: {}", text(&output.stdout));
        }
    }
}

#[tokio::test]
async fn a_simulated_city_lives_behind_tls_where_the_certificate_is_trusted() {
    let pki = Pki::new();
    let server = Server::over_tls(&pki, &[]).await;
    let secret = server.data().join("dev-secret");
    let arguments = ["simulate", "--url", &server.base, "--secret-file", secret.to_str().unwrap(), "--json"];
    let size = ["--drivers", "3", "--orders-per-minute", "60", "--duration", "8s", "--fix-interval", "1s"];
    let mut command = beeline(&[&arguments[..], &size[..]].concat());
    command.env("SSL_CERT_FILE", pki.roots());
    let output = run(command).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let summary: serde_json::Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    assert!(summary["orders"]["placed"].as_u64() > Some(0), "{summary:#}");
    assert_eq!(summary["violations"], 0, "{summary:#}");
    assert!(server.metric("beeline_fixes_received_total").await > 3.0);
}
