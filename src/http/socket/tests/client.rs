//! A WebSocket client by hand: it may send anything and read as slowly as it likes.

use socket2::SockRef;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;

pub const CONTINUE: u8 = 0x0;
pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xA;
pub const FIN: u8 = 0x80;

const DEADLINE: Duration = Duration::from_secs(20);
const MASK: [u8; 4] = [0x11, 0x22, 0x33, 0x44];

/// A frame as the server sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub opcode: u8,
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.payload).expect("UTF-8")
    }
}

pub struct Client {
    pub stream: TcpStream,
}

/// A masked frame with this first byte, as a client sends it.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, payload.len() as u64);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// A masked frame's header that declares `length`, whatever follows.
pub fn header(first: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match length {
        0..=125 => bytes.push(0x80 | u8::try_from(length).unwrap()),
        126..=0xFFFF => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes
}

/// Waits for `work`, but not for ever.
pub async fn within<F: Future>(work: F) -> F::Output {
    tokio::time::timeout(DEADLINE, work).await.expect("in time")
}

/// Waits until `condition` holds.
pub async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let wait = async {
        let mut looks = tokio::time::interval(Duration::from_millis(5));
        while !condition() {
            looks.tick().await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// Sends `head` (without its last empty line) and reads the head of the answer.
pub async fn request(stream: &mut TcpStream, head: &str) -> String {
    stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
    response_head(stream).await
}

pub async fn response_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within(stream.read_u8()).await.expect("a response"));
    }
    String::from_utf8(head).unwrap()
}

/// The head of an upgrade, with further header lines.
pub fn upgrade_head(more: &str) -> String {
    format!(
        "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}"
    )
}

async fn narrow(addr: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.connect(addr).await.unwrap()
}

impl Client {
    pub async fn open(addr: SocketAddr) -> Self {
        Self::open_on(TcpStream::connect(addr).await.unwrap(), "/ws").await
    }

    /// A client whose kernel holds little, so that it stops taking in soon after it stops reading.
    pub async fn open_narrow(addr: SocketAddr) -> Self {
        Self::open_on(narrow(addr).await, "/ws").await
    }

    /// The same, for which the server ends connections as it does under TLS.
    pub async fn open_encrypted_narrow(addr: SocketAddr) -> Self {
        Self::open_on(narrow(addr).await, "/ws?encrypted").await
    }

    /// A client of the echo for conformance.
    pub async fn open_echo(addr: SocketAddr) -> Self {
        Self::open_on(TcpStream::connect(addr).await.unwrap(), "/ws/echo").await
    }

    async fn open_on(mut stream: TcpStream, path: &str) -> Self {
        SockRef::from(&stream).set_tcp_nodelay(true).unwrap();
        let head = request(&mut stream, &upgrade_head("").replacen("/ws", path, 1)).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        Self { stream }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends on a connection that may have ended.
    pub async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    pub async fn text(&mut self, text: &str) {
        self.send(frame(FIN | TEXT, text.as_bytes())).await;
    }

    /// The next frame; the error when the connection has ended.
    pub async fn next(&mut self) -> std::io::Result<Frame> {
        within(async {
            let first = self.stream.read_u8().await?;
            let length = match self.stream.read_u8().await? {
                126 => usize::from(self.stream.read_u16().await?),
                127 => usize::try_from(self.stream.read_u64().await?).unwrap(),
                short => usize::from(short),
            };
            let mut payload = vec![0; length];
            self.stream.read_exact(&mut payload).await?;
            Ok(Frame { opcode: first & 0x0F, payload })
        })
        .await
    }

    /// The next text, past any heartbeat (which stays unanswered).
    pub async fn next_text(&mut self) -> String {
        loop {
            let frame = self.next().await.expect("a frame");
            match frame.opcode {
                TEXT => return frame.text().to_owned(),
                PING => {}
                _ => panic!("{frame:?}"),
            }
        }
    }

    /// The code and reason of the close frame, past whatever else comes.
    pub async fn closed(&mut self) -> (u16, String) {
        within(async {
            loop {
                let frame = self.next().await.expect("a close frame");
                if frame.opcode == CLOSE {
                    let code = u16::from_be_bytes([frame.payload[0], frame.payload[1]]);
                    return (code, String::from_utf8(frame.payload[2..].to_vec()).unwrap());
                }
            }
        })
        .await
    }
}
