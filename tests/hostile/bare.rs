//! A client that keeps to no rule: bytes over TCP, requests and frames made by hand.

use crate::support::PATIENCE;
use crate::support::Server;
use serde_json::Value;
use std::io;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio::time::timeout_at;

pub const FIN: u8 = 0x80;
pub const CONTINUE: u8 = 0x0;
pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xA;
const MASK: [u8; 4] = [7, 77, 177, 27];

/// The header of a masked frame that declares this length, its mask included.
pub fn header(first: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..126), _) => bytes.push(0x80 | short),
        (_, Ok(medium)) => {
            bytes.push(0x80 | 126);
            bytes.extend(medium.to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes
}

/// A masked frame.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, payload.len() as u64);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// A close frame with this code.
pub fn close_frame(code: u16) -> Vec<u8> {
    frame(FIN | CLOSE, &code.to_be_bytes())
}

/// A frame as the server sent it.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    pub opcode: u8,
    pub payload: Vec<u8>,
}

impl Frame {
    /// The JSON of a text frame.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.payload).unwrap_or(Value::Null)
    }
}

/// The code of a close frame; 1005 where it has none.
pub fn close_code(frame: &Frame) -> Option<u16> {
    frame.payload.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]])).or(Some(1005))
}

/// How a connection ended: the code of its close frame, if one came, and when.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ending {
    pub code: Option<u16>,
    pub after: Duration,
}

/// An HTTP answer as it came.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// One TCP connection.
pub struct Bare {
    stream: TcpStream,
    read: Vec<u8>,
    /// Frames passed over while waiting for another.
    pub frames: Vec<Frame>,
}

impl Bare {
    pub async fn connect(server: &Server) -> Self {
        Self::connect_with(server, None).await
    }

    /// Connects with a receive buffer of this size, so that not reading is felt soon.
    pub async fn connect_with(server: &Server, receive_buffer: Option<u32>) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(bytes) = receive_buffer {
            socket.set_recv_buffer_size(bytes).unwrap();
        }
        let address = server.base.strip_prefix("http://").unwrap().parse().unwrap();
        let stream = socket.connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, read: Vec::new(), frames: Vec::new() }
    }

    /// A WebSocket, opened by hand.
    pub async fn socket(server: &Server, path: &str, token: &str) -> Self {
        Self::connect(server).await.upgrade(path, token).await
    }

    /// Turns this connection into a WebSocket.
    pub async fn upgrade(mut self, path: &str, token: &str) -> Self {
        self.send(upgrade_request(path, &format!("Authorization: Bearer {token}\r\n"))).await;
        let answer = self.answer().await;
        assert_eq!(answer.status, 101, "{answer:?}");
        self
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.unwrap();
    }

    /// Sends what a server that has hung up may not take.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let sent = timeout_at(deadline, self.stream.write_all(bytes.as_ref())).await;
        sent.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    pub async fn text(&mut self, message: &Value) {
        self.send(frame(FIN | TEXT, message.to_string().as_bytes())).await;
    }

    /// Takes a few bytes off the connection, and no more.
    pub async fn sip(&mut self, bytes: usize) -> io::Result<usize> {
        let mut few = vec![0; bytes];
        self.stream.read(&mut few).await
    }

    /// More bytes; false at the end, or at the deadline.
    async fn more(&mut self, deadline: Instant) -> bool {
        let mut piece = [0; 4_096];
        match timeout_at(deadline, self.stream.read(&mut piece)).await {
            Ok(Ok(count @ 1..)) => {
                self.read.extend_from_slice(&piece[..count]);
                true
            }
            _ => false,
        }
    }

    /// The next HTTP answer.
    pub async fn answer(&mut self) -> Answer {
        let deadline = Instant::now() + PATIENCE;
        let end = loop {
            if let Some(end) = find(&self.read, b"\r\n\r\n") {
                break end + 4;
            }
            assert!(self.more(deadline).await, "no answer: {:?}", String::from_utf8_lossy(&self.read));
        };
        let head = String::from_utf8(self.read.drain(..end).collect()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let length: usize = if status == 101 { 0 } else { length.unwrap_or(0) };
        while self.read.len() < length && self.more(deadline).await {}
        let body = String::from_utf8(self.read.drain(..length.min(self.read.len())).collect()).unwrap();
        Answer { status, head, body }
    }

    /// Everything until the server hangs up or the time is over; and whether it hung up.
    pub async fn rest(&mut self, time: Duration) -> (String, bool) {
        let deadline = Instant::now() + time;
        while self.more(deadline).await {}
        (String::from_utf8_lossy(&self.read).into_owned(), Instant::now() < deadline)
    }

    /// The next frame; `None` at the end or at the deadline.
    pub async fn next(&mut self, deadline: Instant) -> Option<Frame> {
        loop {
            if let Some((frame, length)) = parse(&self.read) {
                self.read.drain(..length);
                return Some(frame);
            }
            if !self.more(deadline).await {
                return None;
            }
        }
    }

    /// The first frame that `wanted` likes; the others are kept in `frames`.
    pub async fn wait(&mut self, what: &str, wanted: impl Fn(&Frame) -> bool) -> Frame {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let Some(frame) = self.next(deadline).await else {
                panic!("{what}: did not come; so far {:?}", self.frames)
            };
            if wanted(&frame) {
                return frame;
            }
            self.frames.push(frame);
        }
    }

    /// The first text frame of this type.
    pub async fn wait_for(&mut self, kind: &str) -> Value {
        self.wait(kind, |frame| frame.opcode == TEXT && frame.json()["type"] == kind).await.json()
    }

    /// Reads until the server ends it, at most for `time`. Nothing is answered: no pong, no close.
    pub async fn ended(&mut self, time: Duration) -> Ending {
        let began = Instant::now();
        let deadline = began + time;
        while let Some(frame) = self.next(deadline).await {
            if frame.opcode == CLOSE {
                return Ending { code: close_code(&frame), after: began.elapsed() };
            }
            self.frames.push(frame);
        }
        assert!(Instant::now() < deadline, "still open after {time:?}; so far {:?}", self.frames);
        Ending { code: None, after: began.elapsed() }
    }
}

/// An upgrade with more header lines.
pub fn upgrade_request(path: &str, more: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    )
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|piece| piece == what)
}

/// The first frame of these bytes, and how long it is. A server does not mask (RFC 6455, section 5.1).
fn parse(bytes: &[u8]) -> Option<(Frame, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    assert_eq!(second & 0x80, 0, "a server does not mask");
    let (length, start) = match second & 0x7F {
        126 => (usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().unwrap())), 4),
        127 => (usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().unwrap())).unwrap(), 10),
        short => (usize::from(short), 2),
    };
    let payload = bytes.get(start..start + length)?.to_vec();
    Some((Frame { opcode: first & 0x0F, payload }, start + length))
}
