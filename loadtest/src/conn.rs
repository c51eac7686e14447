//! One client socket: the WebSocket handshake, and sending without ever waiting. Reading is the crew's (`crew.rs`).

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, bail, ensure};

use crate::dest::{Dest, Stream};
use crate::frame;

/// Longest answer to a handshake, bytes.
const HEAD_MAX: usize = 16 * 1_024;

/// A connected client socket. Senders share it; only one thread reads it.
#[derive(Debug)]
pub struct Conn {
    pipe: Pipe,
    /// What the kernel has not taken yet, in order.
    unsent: Mutex<Vec<u8>>,
}

/// A stream that several threads use.
#[derive(Debug)]
enum Pipe {
    /// The kernel lets one thread read while another writes.
    Plain(TcpStream),
    /// A TLS session is one state for both directions.
    Tls { fd: RawFd, stream: Mutex<Stream> },
}

/// Whether everything handed to a connection has left.
#[derive(Debug, PartialEq, Eq)]
pub enum Sent {
    /// The kernel has it all.
    All,
    /// Some waits; call [`Conn::flush`] soon.
    Some,
}

impl Conn {
    /// Sends one text frame.
    pub fn send_text(&self, text: &str) -> io::Result<Sent> {
        let mut wire = Vec::with_capacity(text.len() + 8);
        frame::put_client(&mut wire, frame::TEXT, text.as_bytes());
        self.send(&wire)
    }

    /// Sends whole frames; what the kernel does not take now stays behind them in order.
    pub fn send(&self, wire: &[u8]) -> io::Result<Sent> {
        let mut unsent = self.unsent.lock().unwrap_or_else(PoisonError::into_inner);
        if !unsent.is_empty() {
            unsent.extend_from_slice(wire);
            return self.write_out(&mut unsent);
        }
        let written = match self.pipe.write(wire) {
            Ok(written) => written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        unsent.extend_from_slice(wire.get(written..).unwrap_or_default());
        Ok(if unsent.is_empty() { Sent::All } else { Sent::Some })
    }

    /// Tries again to send what waits.
    pub fn flush(&self) -> io::Result<Sent> {
        self.write_out(&mut self.unsent.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn write_out(&self, unsent: &mut Vec<u8>) -> io::Result<Sent> {
        while !unsent.is_empty() {
            match self.pipe.write(unsent) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => drop(unsent.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Sent::Some),
                Err(error) => return Err(error),
            }
        }
        Ok(Sent::All)
    }

    /// Reads what is there; `WouldBlock` when nothing is.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.pipe {
            Pipe::Plain(tcp) => (&mut &*tcp).read(buffer),
            Pipe::Tls { stream, .. } => lock(stream).read(buffer),
        }
    }

    /// Takes one byte out of the kernel, below TLS. After it [`Conn::read`] makes no sense any more under TLS.
    pub fn drip(&self) -> io::Result<usize> {
        let mut byte = [0];
        match &self.pipe {
            Pipe::Plain(tcp) => (&mut &*tcp).read(&mut byte),
            Pipe::Tls { stream, .. } => lock(stream).tcp().read(&mut byte),
        }
    }

    /// Whether a read that did not fill its buffer has emptied the kernel. TLS hands out record by record.
    pub fn short_read_is_last(&self) -> bool {
        matches!(self.pipe, Pipe::Plain(_))
    }

    /// Our address, by which the server knows this connection.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.pipe {
            Pipe::Plain(tcp) => tcp.local_addr(),
            Pipe::Tls { stream, .. } => lock(stream).tcp().local_addr(),
        }
    }

    /// For registering with a poll.
    pub fn fd(&self) -> RawFd {
        match &self.pipe {
            Pipe::Plain(tcp) => tcp.as_raw_fd(),
            Pipe::Tls { fd, .. } => *fd,
        }
    }
}

impl Pipe {
    fn new(stream: Stream) -> io::Result<Self> {
        stream.tcp().set_nonblocking(true)?;
        Ok(match stream {
            Stream::Plain(tcp) => Self::Plain(tcp),
            Stream::Tls(_) => Self::Tls { fd: stream.tcp().as_raw_fd(), stream: Mutex::new(stream) },
        })
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => (&mut &*tcp).write(bytes),
            Self::Tls { stream, .. } => lock(stream).write(bytes),
        }
    }
}

fn lock(stream: &Mutex<Stream>) -> std::sync::MutexGuard<'_, Stream> {
    stream.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who connects where.
#[derive(Debug, Clone)]
pub struct Login {
    /// `/ws/driver` or `/ws/customer`.
    pub path: &'static str,
    /// The bearer token.
    pub bearer: String,
}

/// How the sockets of a crew connect.
#[derive(Debug, Clone)]
pub struct Dial {
    /// The server.
    pub dest: Dest,
    /// Number of the first socket, which decides the source addresses.
    pub first: usize,
    /// Bytes that the kernel may hold unread; `None` leaves that to the system.
    pub receive_buffer: Option<usize>,
}

/// Opens the `at`th WebSocket of a crew; returns it, not blocking any more, with the bytes that followed the handshake.
pub fn open(dial: &Dial, at: usize, login: &Login) -> anyhow::Result<(Conn, Vec<u8>)> {
    let mut stream = dial.dest.connect(dial.first + at, dial.receive_buffer)?;
    let rest = upgrade(&mut stream, dial.dest.addr, login)?;
    Ok((Conn { pipe: Pipe::new(stream)?, unsent: Mutex::default() }, rest))
}

/// The WebSocket handshake on a blocking stream; returns the bytes that followed it.
pub fn upgrade(stream: &mut Stream, server: SocketAddr, login: &Login) -> anyhow::Result<Vec<u8>> {
    // The key and its answer are those of RFC 6455 section 1.3: a load client has no cache to fool.
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {server}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer {}\r\n\r\n",
        login.path, login.bearer
    );
    stream.write_all(request.as_bytes())?;
    stream.flush()?;
    let mut head = Vec::new();
    let mut buffer = [0; 2_048];
    let end = loop {
        if let Some(at) = memchr::memmem::find(&head, b"\r\n\r\n") {
            break at + 4;
        }
        ensure!(head.len() < HEAD_MAX, "an endless answer to the handshake");
        match stream.read(&mut buffer).context("handshake")? {
            0 => bail!("closed in the handshake: {}", String::from_utf8_lossy(&head)),
            len => head.extend_from_slice(buffer.get(..len).unwrap_or_default()),
        }
    };
    let rest = head.split_off(end);
    let head = String::from_utf8_lossy(&head);
    let upgraded = head.starts_with("HTTP/1.1 101") && head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    ensure!(upgraded, "no upgrade: {head}{}", String::from_utf8_lossy(&rest));
    Ok(rest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_the_kernel_does_not_take_leaves_later_and_in_order() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = Dest::plain(listener.local_addr().unwrap()).connect(0, None).unwrap();
        let conn = Conn { pipe: Pipe::new(stream).unwrap(), unsent: Mutex::default() };
        let (mut peer, _) = listener.accept().unwrap();
        let mut sent = 0u8;
        while conn.send(&[sent; 9_973]).unwrap() == Sent::All {
            sent = sent.wrapping_add(1);
        }
        conn.send(b"last").unwrap();
        let mut got = Vec::new();
        let mut buffer = vec![0; 65_536];
        while !got.ends_with(b"last") {
            let len = peer.read(&mut buffer).unwrap();
            got.extend_from_slice(&buffer[..len]);
            conn.flush().unwrap();
        }
        let want: Vec<u8> = (0..(got.len() - 4) / 9_973).flat_map(|i| [i as u8; 9_973]).collect();
        assert_eq!(got[..got.len() - 4], want);
    }
}
