//! Where a server listens and what a connection to it is: plain TCP, or TLS that trusts the run's one certificate.
//!
//! Loopback only. Sockets connect from many loopback addresses, a hundred from each, so that a server with its default
//! limit of sockets per address takes a whole fleet from one machine.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use socket2::{Domain, Socket, Type};

/// How long a connection and its handshakes may take.
const CONNECT_MAX: Duration = Duration::from_secs(20);
/// Sockets from one source address.
const SOCKETS_PER_ADDRESS: usize = 100;

/// A server.
#[derive(Debug, Clone)]
pub struct Dest {
    /// Where it listens.
    pub addr: SocketAddr,
    /// How TLS is spoken with it; `None` for plain TCP.
    pub tls: Option<Arc<ClientConfig>>,
}

/// One connection, blocking or not as its TCP stream is.
#[derive(Debug)]
pub enum Stream {
    /// As it is.
    Plain(TcpStream),
    /// Under TLS.
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Dest {
    /// A server without TLS.
    #[cfg(test)]
    pub fn plain(addr: SocketAddr) -> Self {
        Self { addr, tls: None }
    }

    /// A blocking connection from the source address that socket number `index` has. `receive_buffer` is what the
    /// kernel takes in of what we do not read, bytes; `None` leaves that to the system.
    pub fn connect(&self, index: usize, receive_buffer: Option<usize>) -> anyhow::Result<Stream> {
        let addr = self.addr;
        ensure!(addr.ip().is_loopback(), "{addr} is not on this machine: loopback only");
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
        if let Some(bytes) = receive_buffer {
            // Before connecting, or the peer is told of a larger window.
            socket.set_recv_buffer_size(bytes)?;
        }
        if addr.is_ipv4() {
            socket.bind(&SocketAddr::new(source_address(index), 0).into())?;
        }
        socket.connect_timeout(&addr.into(), CONNECT_MAX).context("connect")?;
        socket.set_tcp_nodelay(true)?;
        let tcp = TcpStream::from(socket);
        tcp.set_read_timeout(Some(CONNECT_MAX))?;
        tcp.set_write_timeout(Some(CONNECT_MAX))?;
        let Some(config) = &self.tls else { return Ok(Stream::Plain(tcp)) };
        let session = ClientConnection::new(Arc::clone(config), addr.ip().into())?;
        let mut stream = StreamOwned::new(session, tcp);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).context("TLS handshake")?;
        }
        Ok(Stream::Tls(Box::new(stream)))
    }
}

impl Stream {
    /// The TCP connection below.
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(stream) => &stream.sock,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

fn source_address(index: usize) -> IpAddr {
    let group = index / SOCKETS_PER_ADDRESS;
    IpAddr::V4(Ipv4Addr::new(127, 0, 1 + (group / 250 % 250) as u8, 1 + (group % 250) as u8))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::identity::Identity;

    #[test]
    fn no_address_has_more_sockets_than_a_default_server_takes() {
        let mut counts = std::collections::HashMap::new();
        (0..19_500).for_each(|index| *counts.entry(source_address(index)).or_insert(0) += 1);
        assert!(counts.values().all(|count| *count <= 200));
        assert!(counts.keys().all(IpAddr::is_loopback));
    }

    #[test]
    fn another_machine_is_refused() {
        let dest = Dest::plain("192.0.2.1:80".parse().unwrap());
        assert!(dest.connect(0, None).unwrap_err().to_string().contains("loopback only"));
    }

    /// A server with `identity` that answers one connection with what it got.
    fn tls_echo(identity: &Identity) -> SocketAddr {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let config = Arc::new(identity.server_config().unwrap());
        std::thread::spawn(move || {
            let tcp = listener.accept().unwrap().0;
            let mut stream = StreamOwned::new(rustls::ServerConnection::new(config).unwrap(), tcp);
            let mut buffer = [0; 5];
            // A client that does not trust us ends here.
            if stream.read_exact(&mut buffer).is_ok() {
                stream.write_all(&buffer).unwrap();
            }
        });
        addr
    }

    #[test]
    fn the_certificate_of_the_run_is_trusted_and_no_other() {
        let (ours, other) = (Identity::make().unwrap(), Identity::make().unwrap());
        let tls = Some(ours.client_config().unwrap());
        let mut stream = Dest { addr: tls_echo(&ours), tls: tls.clone() }.connect(0, None).unwrap();
        stream.write_all(b"hello").unwrap();
        let mut buffer = [0; 5];
        stream.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"hello");
        let refused = Dest { addr: tls_echo(&other), tls }.connect(0, None).unwrap_err();
        assert!(format!("{refused:#}").contains("certificate"), "{refused:#}");
    }
}
