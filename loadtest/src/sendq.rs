//! What the kernel holds for the connections of a server on this machine: unacknowledged bytes, and their memory.
//!
//! Asked over netlink (sock_diag(7), `INET_DIAG`) for the sockets of one local port only: reading /proc/net/tcp would
//! cost time for every socket of the machine. IPv4; layouts as in linux/inet_diag.h and linux/sock_diag.h.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use socket2::{Domain, Protocol, Socket, Type};

const NETLINK_SOCK_DIAG: i32 = 4;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// A request for a list.
const FLAGS: u16 = 0x001 | 0x300;
const HEAD_BYTES: usize = 16;
const REQUEST_BYTES: usize = 56;
/// `struct inet_diag_msg`, before its attributes.
const MESSAGE_BYTES: usize = 72;
const INET_DIAG_SKMEMINFO: u16 = 7;
/// Place of `SK_MEMINFO_WMEM_QUEUED` among the numbers of that attribute.
const WRITE_MEMORY_QUEUED: usize = 5;
/// Every TCP state but TIME_WAIT (6) and LISTEN (10), which hold nothing for a client.
const STATES: u32 = 0xfff & !(1 << 6) & !(1 << 10);

/// One connection of the server, from the server's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The client's address.
    pub peer: SocketAddr,
    /// Bytes written and not acknowledged: the `tx_queue` of /proc/net/tcp.
    pub queued_bytes: u32,
    /// Kernel memory of those, with its bookkeeping, bytes.
    pub memory_bytes: u32,
    /// Whether the server still has a descriptor for it.
    pub owned: bool,
}

impl Held {
    /// Whether it costs anything. What is left of a connection that the server has closed and whose last byte has arrived
    /// is a record in the kernel that its client has not closed yet; it has no memory of its own and goes after 60 s.
    pub fn is_held(&self) -> bool {
        self.owned || self.queued_bytes > 0 || self.memory_bytes > 0
    }
}

/// The connections of the server that listens on `port`.
pub fn held(port: u16) -> anyhow::Result<Vec<Held>> {
    let mut socket = Socket::new(Domain::from(libc::AF_NETLINK), Type::RAW, Some(Protocol::from(NETLINK_SOCK_DIAG)))
        .context("no netlink socket")?;
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    socket.send(&request(port))?;
    let mut found = Vec::new();
    let mut buffer = vec![0; 256 * 1_024];
    loop {
        let len = socket.read(&mut buffer).context("no answer about sockets")?;
        if read_answer(buffer.get(..len).unwrap_or_default(), &mut found)? {
            return Ok(found);
        }
    }
}

fn request(port: u16) -> Vec<u8> {
    let mut wire = Vec::with_capacity(HEAD_BYTES + REQUEST_BYTES);
    wire.extend_from_slice(&((HEAD_BYTES + REQUEST_BYTES) as u32).to_ne_bytes());
    wire.extend_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    wire.extend_from_slice(&FLAGS.to_ne_bytes());
    // Sequence number and sender.
    wire.extend_from_slice(&[0; 8]);
    wire.extend_from_slice(&[libc::AF_INET as u8, libc::IPPROTO_TCP as u8, 1 << (INET_DIAG_SKMEMINFO - 1), 0]);
    wire.extend_from_slice(&STATES.to_ne_bytes());
    wire.extend_from_slice(&port.to_be_bytes());
    wire.resize(HEAD_BYTES + REQUEST_BYTES, 0);
    wire
}

/// Adds what an answer lists; true when it was the last.
fn read_answer(mut answer: &[u8], found: &mut Vec<Held>) -> anyhow::Result<bool> {
    while let Some(len) = u32_at(answer, 0) {
        let kind = u16_at(answer, 4).context("half a netlink head")?;
        let message = answer.get(HEAD_BYTES..len as usize).context("half a netlink message")?;
        match kind {
            NLMSG_DONE => return Ok(true),
            NLMSG_ERROR => {
                bail!("the kernel refused to list sockets: {:?}", u32_at(message, 0).map(|code| code as i32))
            }
            SOCK_DIAG_BY_FAMILY => found.push(read_socket(message).context("a socket in an unknown form")?),
            _ => (),
        }
        answer = answer.get((len as usize).next_multiple_of(4)..).unwrap_or_default();
    }
    ensure!(answer.is_empty(), "half a netlink head");
    Ok(false)
}

fn read_socket(message: &[u8]) -> Option<Held> {
    let port = message.get(6..8)?;
    let address: [u8; 4] = message.get(24..28)?.try_into().ok()?;
    let peer = SocketAddr::new(IpAddr::V4(Ipv4Addr::from(address)), u16::from_be_bytes(port.try_into().ok()?));
    let mut attributes = message.get(MESSAGE_BYTES..)?;
    let mut memory_bytes = 0;
    while let Some((len, kind)) = u16_at(attributes, 0).zip(u16_at(attributes, 2)) {
        if kind == INET_DIAG_SKMEMINFO {
            memory_bytes = u32_at(attributes, 4 + 4 * WRITE_MEMORY_QUEUED)?;
        }
        attributes = attributes.get(usize::from(len).max(4).next_multiple_of(4)..).unwrap_or_default();
    }
    // The inode, which a socket without a descriptor does not have.
    let owned = u32_at(message, 68)? != 0;
    Some(Held { peer, queued_bytes: u32_at(message, 60)?, memory_bytes, owned })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::time::Instant;

    #[test]
    fn what_a_client_leaves_unread_is_seen_in_the_servers_queue_and_gone_with_the_socket() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut server = listener.accept().unwrap().0;
        server.set_nonblocking(true).unwrap();
        let quiet = held(port).unwrap();
        let peer = client.local_addr().unwrap();
        assert_eq!(quiet, [Held { peer, queued_bytes: 0, memory_bytes: 0, owned: true }]);
        let mut written = 0;
        while let Ok(len) = server.write(&[7; 64 * 1_024]) {
            written += len;
        }
        let full = held(port).unwrap().remove(0);
        assert!(full.queued_bytes > 0 && (full.queued_bytes as usize) < written, "{full:?} of {written}");
        assert!(full.memory_bytes >= full.queued_bytes, "{full:?}");
        drop(server);
        let orphan = held(port).unwrap().remove(0);
        assert!(!orphan.owned && orphan.is_held(), "closed, and the kernel still has what was not taken: {orphan:?}");
        drop(client);
        assert!(!held(port).unwrap().iter().any(Held::is_held));
    }

    #[test]
    fn a_connection_closed_by_the_server_alone_is_held_no_more() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        drop(listener.accept().unwrap());
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            // Until the client's kernel has acknowledged the end.
            let left = held(listener.local_addr().unwrap().port()).unwrap();
            if !left.iter().any(Held::is_held) {
                break;
            }
            assert!(Instant::now() < deadline, "{left:?}");
        }
        drop(client);
    }

    #[test]
    fn an_answer_cut_short_is_an_error() {
        let mut wire = request(1);
        wire.truncate(30);
        assert!(read_answer(&wire, &mut Vec::new()).is_err());
    }
}
