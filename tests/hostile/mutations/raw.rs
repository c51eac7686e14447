//! A connection that sends any bytes at all, and reads strictly what comes back.

use super::messages::Door;
use crate::support::PATIENCE;
use serde_json::Value;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Bytes read at once.
const READ_BYTES: usize = 4_096;

/// See the module.
pub struct Raw {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// What came from the server.
#[derive(Debug)]
pub enum Came {
    Frame(Value),
    Control,
    /// A close frame: its code, 1005 without one.
    Close(u16),
    /// The connection ended without one.
    End,
    /// Nothing more, within the time.
    Nothing,
}

impl Raw {
    /// Opens a door and reads its welcome.
    pub async fn open(address: &str, door: Door, token: &str) -> Result<Self, String> {
        let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        // Thousands of connections a minute: none of them is to linger.
        let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        let mut raw = Self { stream, unread: Vec::new() };
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {token}\r\n\r\n",
            door.path()
        );
        raw.send(request.as_bytes()).await;
        let head = tokio::time::timeout(PATIENCE, raw.head()).await.map_err(|_| "no answer to an upgrade")?;
        let head = head.ok_or("the connection ended in the handshake")?;
        if !head.starts_with("HTTP/1.1 101 ") {
            return Err(head);
        }
        match raw.read(PATIENCE).await? {
            Came::Frame(frame) if frame["type"] == "welcome" => Ok(raw),
            other => Err(format!("{other:?} for a welcome")),
        }
    }

    async fn head(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                let head: Vec<u8> = self.unread.drain(..end + 4).collect();
                return Some(String::from_utf8_lossy(&head).into_owned());
            }
            self.more().await.then_some(())?;
        }
    }

    async fn more(&mut self) -> bool {
        let mut bytes = [0; READ_BYTES];
        match self.stream.read(&mut bytes).await {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.unread.extend_from_slice(&bytes[..count]);
                true
            }
        }
    }

    /// Sends bytes; a connection that has ended takes none.
    pub async fn send(&mut self, bytes: &[u8]) {
        let _ = tokio::time::timeout(PATIENCE, self.stream.write_all(bytes)).await;
    }

    /// The next frame. The error is one that no server may send.
    pub async fn read(&mut self, time: Duration) -> Result<Came, String> {
        let reading = async {
            loop {
                if let Some(came) = self.take_frame()? {
                    return Ok(came);
                }
                if !self.more().await {
                    return Ok(Came::End);
                }
            }
        };
        tokio::time::timeout(time, reading).await.unwrap_or(Ok(Came::Nothing))
    }

    fn take_frame(&mut self) -> Result<Option<Came>, String> {
        let [first, second, ..] = *self.unread else { return Ok(None) };
        let (header, short) = (if second & 0x7F == 126 { 4 } else { 2 }, usize::from(second & 0x7F));
        if second & 0x80 != 0 || first & 0xF0 != 0x80 || short == 127 && self.unread.len() < 10 {
            return if short == 127 { Ok(None) } else { Err(format!("a frame that begins {first:02x} {second:02x}")) };
        }
        let header = if short == 127 { 10 } else { header };
        let Some(declared) = self.unread.get(2..header) else { return Ok(None) };
        let length =
            if short < 126 { short } else { declared.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)) };
        if self.unread.len() < header + length {
            return Ok(None);
        }
        let payload: Vec<u8> = self.unread.drain(..header + length).skip(header).collect();
        match first & 0x0F {
            1 => {
                let text = String::from_utf8(payload).map_err(|_| "text that is not UTF-8")?;
                serde_json::from_str(&text)
                    .map(|frame| Some(Came::Frame(frame)))
                    .map_err(|_| format!("no JSON: {text}"))
            }
            8 => Ok(Some(Came::Close(payload.get(..2).map_or(1005, |code| u16::from_be_bytes([code[0], code[1]]))))),
            9 | 10 => Ok(Some(Came::Control)),
            opcode => Err(format!("opcode {opcode}")),
        }
    }
}
