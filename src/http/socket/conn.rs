//! The record of one TCP connection: what its guard, its body and its warden tell each other.
//!
//! It is bound to the connection and not to the session's actor, because an actor whose client does not read is not
//! polled: nothing inside it can notice. All of it lives on the thread that owns the connection.

use super::rails::Rails;
use super::tick::Tick;
use super::tick::tick;
use crate::actors::outbox::Outbox;
use crate::domain::time::Millis;
use crate::protocol::close::CloseCode;
use socket2::SockRef;
use std::cell::Cell;
use std::cell::OnceCell;
use std::cell::RefCell;
use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::task::Context;
use std::task::Waker;
use std::time::Duration;

/// Bytes the kernel may hold for one client.
const SEND_BUFFER_BYTES: usize = 32 * 1024;
/// Unsent bytes in the kernel above which a write is refused, so that news waits in the outbox, where it conflates.
const NOTSENT_LOWAT_BYTES: u32 = 4 * 1024;
/// Unacknowledged for so long, the kernel gives the connection up.
const USER_TIMEOUT: Duration = Duration::from_secs(8);
/// Tasks a session may have under way before no more is read from its client.
const TASKS_MAX: u32 = 16;

/// One TCP connection, from accept to close.
pub(super) struct Conn {
    fd: RawFd,
    /// The kernel's name for this very socket: tells it from another that got the same descriptor.
    cookie: u64,
    pub(super) rails: Arc<Rails>,
    /// When bytes last came in, or, on plain HTTP, when a request or response last moved.
    pub(super) last_in: Cell<Tick>,
    /// When the request under way began; plain HTTP only.
    pub(super) request_since: Cell<Tick>,
    /// Since when a frame or message is incomplete.
    pub(super) partial_since: Cell<Option<Tick>>,
    /// How long that may go on.
    pub(super) half_frame: Cell<Duration>,
    /// How often the body has been polled; stands still while the client does not read.
    pub(super) polls: Cell<u64>,
    /// Since when the session has been woken without the body being polled, and `polls` then.
    pub(super) stuck: Cell<Option<(Tick, u64)>>,
    /// When the last heartbeat was asked for.
    pub(super) pinged: Cell<Tick>,
    /// When the session's token expires.
    pub(super) expires_at: Cell<Millis>,
    /// When the body ended; only the close handshake is left.
    pub(super) closing: Cell<Option<Tick>>,
    /// Why the guard refused what came in.
    pub(super) verdict: Cell<Option<CloseCode>>,
    /// The client's side has ended.
    pub(super) gone: Cell<bool>,
    outbox: OnceCell<Arc<Outbox>>,
    tasks: Cell<u32>,
    paused: RefCell<Option<Waker>>,
}

impl Conn {
    /// Takes over a connection just accepted: sets its limits in the kernel and starts its record.
    pub(super) fn adopt(stream: &(impl AsFd + AsRawFd), rails: Arc<Rails>) -> io::Result<Self> {
        let socket = SockRef::from(stream);
        socket.set_tcp_nodelay(true)?;
        socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
        socket.set_tcp_notsent_lowat(NOTSENT_LOWAT_BYTES)?;
        socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
        let now = tick();
        Ok(Self {
            fd: stream.as_raw_fd(),
            cookie: socket.cookie()?,
            half_frame: Cell::new(rails.timings.half_frame),
            rails,
            last_in: Cell::new(now),
            request_since: Cell::new(now),
            partial_since: Cell::new(None),
            polls: Cell::new(0),
            stuck: Cell::new(None),
            pinged: Cell::new(now),
            expires_at: Cell::new(Millis(i64::MAX)),
            closing: Cell::new(None),
            verdict: Cell::new(None),
            gone: Cell::new(false),
            outbox: OnceCell::new(),
            tasks: Cell::new(0),
            paused: RefCell::new(None),
        })
    }

    /// From here on this is a WebSocket, whose session is reached by `outbox`.
    pub(super) fn upgrade(&self, outbox: Arc<Outbox>) {
        // HTTP/1.1 cannot upgrade one connection twice.
        let _ = self.outbox.set(outbox);
        self.last_in.set(tick());
        self.pinged.set(tick());
    }

    /// The outbox of the session, when this is a WebSocket.
    pub(super) fn outbox(&self) -> Option<&Arc<Outbox>> {
        self.outbox.get()
    }

    /// Counts a task that the session has started.
    pub(super) fn task_started(&self) {
        self.tasks.set(self.tasks.get() + 1);
    }

    /// Counts a task as done and lets reading go on.
    pub(super) fn task_done(&self) {
        self.tasks.set(self.tasks.get().saturating_sub(1));
        if let Some(reader) = self.paused.take() {
            reader.wake();
        }
    }

    /// Whether to stop reading until a task is done; remembers whom to wake then.
    pub(super) fn must_pause(&self, cx: &Context<'_>) -> bool {
        let full = self.tasks.get() >= TASKS_MAX;
        if full {
            self.paused.replace(Some(cx.waker().clone()));
        }
        full
    }

    /// Ends the connection at once: the peer sees a reset, the kernel drops what is unsent, and the dispatcher, woken
    /// by the hang-up, drops its task. False when the descriptor is another connection's by now.
    #[allow(unsafe_code)]
    pub(super) fn reset(&self) -> bool {
        // SAFETY: the descriptor is used before this function returns, on the thread that owns the connection's task,
        // so nothing can close it in between. A record that has outlived its connection is caught by the cookie.
        let borrowed = unsafe { BorrowedFd::borrow_raw(self.fd) };
        let socket = SockRef::from(&borrowed);
        if socket.cookie().ok() != Some(self.cookie) {
            return false;
        }
        socket.set_linger(Some(Duration::ZERO)).is_ok() && socket.shutdown(Shutdown::Both).is_ok()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::io::Write;
    use std::net::TcpListener;
    use std::net::TcpStream;

    #[test]
    fn a_record_that_outlived_its_connection_resets_no_other() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connect = || {
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            (client, listener.accept().unwrap().0)
        };
        let (_client, first) = connect();
        let (mut other_client, mut other) = connect();
        let mut record = Conn::adopt(&first, Arc::default()).unwrap();
        drop(first);
        // As if the kernel had given the descriptor to the next connection; other tests may have got the real one.
        record.fd = other.as_raw_fd();

        assert!(!record.reset());
        other.write_all(b"alive").unwrap();
        let mut heard = [0; 5];
        other_client.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"alive");
    }
}
