//! The WebSocket handshake of the floor (RFC 6455 section 4), from the server's side.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Longest request head taken, bytes.
const HEAD_MAX: usize = 8 * 1024;

/// A finished handshake.
pub struct Upgraded {
    /// `/ws/driver` (true) or any other path (false).
    pub is_driver: bool,
    /// The bearer token: who connects.
    pub bearer: String,
    /// Bytes that came after the head.
    pub rest: Vec<u8>,
}

/// Answers the handshake; an error means that the connection is not one to keep.
pub async fn upgrade(stream: &mut TcpStream) -> io::Result<Upgraded> {
    let mut head = Vec::with_capacity(1_024);
    let end = loop {
        if let Some(at) = memchr::memmem::find(&head, b"\r\n\r\n") {
            break at + 4;
        }
        if head.len() > HEAD_MAX || stream.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let rest = head.split_off(end);
    let head = String::from_utf8_lossy(&head);
    let Some(key) = header(&head, "sec-websocket-key") else {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await?;
        return Err(io::ErrorKind::InvalidData.into());
    };
    let accept = derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await?;
    let bearer = header(&head, "authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    Ok(Upgraded { is_driver: head.starts_with("GET /ws/driver"), bearer: bearer.to_owned(), rest })
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
