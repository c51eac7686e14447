//! One client socket: connecting, the WebSocket handshake, and sending without ever waiting.
//!
//! Sockets connect from many loopback addresses, a hundred from each, so that a server with its default limit of
//! sockets per address takes a whole fleet from one machine. Reading is the crew's (`crew.rs`).

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use socket2::{Domain, Socket, Type};

use crate::frame;

/// How long a connection and its handshake may take.
const CONNECT_MAX: Duration = Duration::from_secs(20);
/// Sockets from one source address.
const SOCKETS_PER_ADDRESS: usize = 100;
/// Longest answer to a handshake, bytes.
const HEAD_MAX: usize = 16 * 1_024;

/// A connected client socket. Senders share it; only one thread reads it.
#[derive(Debug)]
pub struct Conn {
    stream: TcpStream,
    /// What the kernel has not taken yet, in order.
    unsent: Mutex<Vec<u8>>,
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
        let written = match (&self.stream).write(wire) {
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
            match (&self.stream).write(unsent) {
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
        (&self.stream).read(buffer)
    }

    /// For registering with a poll.
    pub fn fd(&self) -> std::os::fd::RawFd {
        std::os::fd::AsRawFd::as_raw_fd(&self.stream)
    }
}

/// A blocking TCP connection to a loopback server, from the source address that socket number `index` has.
pub fn connect_tcp(server: SocketAddr, index: usize) -> anyhow::Result<TcpStream> {
    ensure!(server.ip().is_loopback(), "{server} is not on this machine: loopback only");
    let socket = Socket::new(Domain::for_address(server), Type::STREAM, None)?;
    if server.is_ipv4() {
        socket.bind(&SocketAddr::new(source_address(index), 0).into())?;
    }
    socket.connect_timeout(&server.into(), CONNECT_MAX).context("connect")?;
    socket.set_tcp_nodelay(true)?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(CONNECT_MAX))?;
    stream.set_write_timeout(Some(CONNECT_MAX))?;
    Ok(stream)
}

fn source_address(index: usize) -> IpAddr {
    let group = index / SOCKETS_PER_ADDRESS;
    IpAddr::V4(Ipv4Addr::new(127, 0, 1 + (group / 250 % 250) as u8, 1 + (group % 250) as u8))
}

/// Who connects where.
#[derive(Debug, Clone)]
pub struct Login {
    /// `/ws/driver` or `/ws/customer`.
    pub path: &'static str,
    /// The bearer token.
    pub bearer: String,
}

/// Opens a WebSocket; returns it, not blocking any more, with the bytes that followed the handshake.
pub fn open(server: SocketAddr, index: usize, login: &Login) -> anyhow::Result<(Conn, Vec<u8>)> {
    // The key and its answer are those of RFC 6455 section 1.3: a load client has no cache to fool.
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {server}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer {}\r\n\r\n",
        login.path, login.bearer
    );
    let mut stream = connect_tcp(server, index)?;
    stream.write_all(request.as_bytes())?;
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
    stream.set_nonblocking(true)?;
    Ok((Conn { stream, unsent: Mutex::default() }, rest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn no_address_has_more_sockets_than_a_default_server_takes() {
        let mut counts = std::collections::HashMap::new();
        (0..19_500).for_each(|index| *counts.entry(source_address(index)).or_insert(0) += 1);
        assert!(counts.values().all(|count| *count <= 200));
        assert!(counts.keys().all(IpAddr::is_loopback));
    }

    #[test]
    fn another_machine_is_refused() {
        assert!(connect_tcp("192.0.2.1:80".parse().unwrap(), 0).unwrap_err().to_string().contains("loopback only"));
    }

    #[test]
    fn what_the_kernel_does_not_take_leaves_later_and_in_order() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = connect_tcp(listener.local_addr().unwrap(), 0).unwrap();
        stream.set_nonblocking(true).unwrap();
        let conn = Conn { stream, unsent: Mutex::default() };
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
