//! The same rails under TLS: the connection is watched, not what runs over it.

use super::client::eventually;
use super::client::within;
use super::server::Server;
use super::server::order;
use super::server::push_position;
use crate::config::TlsFiles;
use crate::http::socket::Timings;
use crate::http::tls::Tls;
use futures_util::StreamExt;
use rcgen::CertifiedKey;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::time::interval;
use tokio_tungstenite::Connector;
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::client_async_tls_with_config;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::Message;

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A server behind TLS, and what its clients trust.
fn start(timings: Timings) -> (Server, Arc<ClientConfig>) {
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let files = TlsFiles { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    std::fs::write(&files.certificate, cert.pem()).unwrap();
    std::fs::write(&files.key, signing_key.serialize_pem()).unwrap();
    let server = Server::over_tls(timings, &Tls::load(&files).unwrap());
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    (server, Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// A client whose kernel holds little, so that it stops taking in soon after it stops reading.
async fn connect(addr: SocketAddr, trusts: &Arc<ClientConfig>) -> Client {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let stream = socket.connect(addr).await.unwrap();
    let connector = Some(Connector::Rustls(Arc::clone(trusts)));
    let url = format!("wss://localhost:{}/ws", addr.port());
    within(client_async_tls_with_config(url, stream, None, connector)).await.unwrap().0
}

#[actix_web::test]
async fn a_stalled_reader_under_tls_is_reset_by_the_warden() {
    let (server, trusts) = start(Timings { stall: Duration::from_secs(2), ..Timings::default() });
    let mut stalled = connect(server.addr, &trusts).await;
    eventually("it is in", || server.rails.state().sockets == 1).await;
    let (outbox, watched) = (server.book.newest(), order("o-1"));
    let push = async {
        let mut pace = interval(Duration::from_millis(1));
        let mut number = 0;
        while server.rails.state().stalled == 0 {
            pace.tick().await;
            for _ in 0..10 {
                number += 1;
                push_position(&outbox, &watched, number);
            }
        }
    };
    within(push).await;
    eventually("it is freed", || server.rails.state().sockets == 0).await;
    let end = async {
        loop {
            match stalled.next().await {
                Some(Err(Error::Io(error))) => return error.kind(),
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    assert_eq!(within(end).await, ErrorKind::ConnectionReset, "no close_notify: there is nobody to hear it");
}

#[actix_web::test]
async fn a_drain_closes_sockets_under_tls_with_1012() {
    let (server, trusts) = start(Timings::default());
    let mut client = connect(server.addr, &trusts).await;
    eventually("it is in", || server.rails.state().sockets == 1).await;
    server.rails.drain(Duration::from_millis(100));
    let Some(Ok(Message::Close(Some(close)))) = within(client.next()).await else { panic!("a close frame") };
    assert_eq!(u16::from(close.code), 1012);
    assert!(close.reason.starts_with("retry_ms="), "{}", close.reason);
    eventually("it is gone", || server.rails.state().sockets == 0).await;
}
