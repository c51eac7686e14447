//! The record of one TCP connection: what its guard, its body and its warden tell each other.
//!
//! It is bound to the connection and not to the session's actor, because an actor whose client does not read is not
//! polled: nothing inside it can notice. All of it lives on the thread that owns the connection.

use super::caps::Seat;
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
use std::ops::Range;
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
/// Unacknowledged for so long, the kernel gives the connection up: each after a time of its own, so that a thousand who stopped together
/// do not end together, in a moment that everybody else on the thread would feel.
const USER_TIMEOUT: Range<Duration> = Duration::from_secs(7)..Duration::from_secs(9);
/// A connection that ends after its news has been stuck for so long was given up by the kernel, which counts from its first
/// unanswered try: well before the last of its room is used up.
const GIVEN_UP: Duration = Duration::from_secs(1);
/// Tasks a session may have under way before no more is read from its client.
const TASKS_MAX: u32 = 16;

/// One TCP connection, from accept to close.
pub(super) struct Conn {
    fd: RawFd,
    /// The kernel's name for this very socket: tells it from another that got the same descriptor.
    cookie: u64,
    pub(super) rails: Arc<Rails>,
    /// Something, as TLS, stands between our frames and the socket.
    pub(super) encrypted: Cell<bool>,
    /// When bytes last came in, or, on plain HTTP, when a request or response last moved.
    pub(super) last_in: Cell<Tick>,
    /// When the request under way began; plain HTTP only.
    pub(super) request_since: Cell<Tick>,
    /// Since when no request is under way: none before the first, whose head the framework waits for. Plain HTTP only.
    pub(super) idle_since: Cell<Option<Tick>>,
    requests: Cell<u32>,
    /// An answer has said that it is the last one.
    pub(super) said_last: Cell<bool>,
    hung_up: Cell<bool>,
    /// Since when a frame or message is incomplete.
    pub(super) partial_since: Cell<Option<Tick>>,
    /// How long that may go on.
    pub(super) half_frame: Cell<Duration>,
    /// How often the body has been polled; stands still while the client does not read.
    pub(super) polls: Cell<u64>,
    /// Since when the session has been woken without the body being polled, and `polls` then.
    pub(super) stuck: Cell<Option<(Tick, u64)>>,
    /// It was ended from here, at once.
    was_reset: Cell<bool>,
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
    /// When the socket was asked to give way to a newer one of its principal.
    pub(super) gave_way: Cell<Option<Tick>>,
    outbox: OnceCell<Arc<Outbox>>,
    /// Room for this socket; made free when the connection is gone.
    seat: OnceCell<Seat>,
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
        socket.set_tcp_user_timeout(Some(rand::random_range(USER_TIMEOUT)))?;
        let now = tick();
        Ok(Self {
            fd: stream.as_raw_fd(),
            cookie: socket.cookie()?,
            half_frame: Cell::new(rails.timings.half_frame),
            rails,
            encrypted: Cell::new(false),
            last_in: Cell::new(now),
            request_since: Cell::new(now),
            idle_since: Cell::new(None),
            requests: Cell::new(0),
            said_last: Cell::new(false),
            hung_up: Cell::new(false),
            partial_since: Cell::new(None),
            polls: Cell::new(0),
            stuck: Cell::new(None),
            was_reset: Cell::new(false),
            pinged: Cell::new(now),
            expires_at: Cell::new(Millis(i64::MAX)),
            closing: Cell::new(None),
            verdict: Cell::new(None),
            gone: Cell::new(false),
            gave_way: Cell::new(None),
            outbox: OnceCell::new(),
            seat: OnceCell::new(),
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

    /// Keeps a seat for as long as the connection is there.
    pub(super) fn take_seat(&self, seat: Seat) {
        // One connection is upgraded once, so there is none yet; a second would be given back at once.
        let _ = self.seat.set(seat);
    }

    /// Whether a newer socket of the same principal takes the place of this one.
    pub(super) fn must_give_way(&self) -> bool {
        self.seat.get().is_some_and(Seat::gives_way)
    }

    /// The head of a request is complete.
    pub(super) fn request_began(&self) {
        self.requests.set(self.requests.get() + 1);
        self.last_in.set(tick());
        self.request_since.set(tick());
        self.idle_since.set(None);
    }

    /// A response has been handed over whole, or its request given up.
    pub(super) fn request_ended(&self) {
        self.requests.set(self.requests.get().saturating_sub(1));
        if self.requests.get() == 0 {
            self.idle_since.set(Some(tick()));
            if self.said_last.get() {
                self.hang_up();
            }
        }
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
    pub(super) fn reset(&self) -> bool {
        self.was_reset.set(true);
        self.with_socket(|socket| {
            socket.set_linger(Some(Duration::ZERO))?;
            socket.shutdown(Shutdown::Both)
        })
    }

    /// Whether the kernel ended it because nothing was taken in, which it mostly does before the warden: what was to be
    /// sent had been stuck.
    pub(super) fn was_given_up(&self) -> bool {
        let stuck = self.stuck.get().map(|(since, _)| tick().since(since));
        !self.was_reset.get() && stuck.is_some_and(|stuck| stuck >= GIVEN_UP)
    }

    /// Ends the connection in order: nothing more is read, what has been answered is still sent. False when that has
    /// been said before, or the descriptor is another connection's by now.
    pub(super) fn hang_up(&self) -> bool {
        !self.hung_up.replace(true) && self.with_socket(|socket| socket.shutdown(Shutdown::Read))
    }

    /// Before the end of the writing half: lets the kernel take all that the dispatcher still has to write, which asks
    /// the body for its end only when that is less than its buffer. False when the end must be left to the dispatcher,
    /// as under TLS, which says goodbye in a record of its own.
    pub(super) fn make_room_to_end(&self) -> bool {
        let make_room = |socket: &SockRef<'_>| {
            socket.set_tcp_notsent_lowat(u32::MAX)?;
            socket.set_send_buffer_size(2 * SEND_BUFFER_BYTES)
        };
        !self.encrypted.get() && self.with_socket(make_room)
    }

    /// Nothing more is sent: the client hears the end of our half behind the last byte written. It may still send.
    pub(super) fn end_writing(&self) {
        self.with_socket(|socket| socket.shutdown(Shutdown::Write));
    }

    /// Does something with the socket, if it is still this connection's.
    #[allow(unsafe_code)]
    fn with_socket(&self, act: impl FnOnce(&SockRef<'_>) -> io::Result<()>) -> bool {
        // SAFETY: the descriptor is used before this function returns, on the thread that owns the connection's task,
        // so nothing can close it in between. A record that has outlived its connection is caught by the cookie.
        let borrowed = unsafe { BorrowedFd::borrow_raw(self.fd) };
        let socket = SockRef::from(&borrowed);
        socket.cookie().ok() == Some(self.cookie) && act(&socket).is_ok()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use socket2::Domain;
    use socket2::Socket;
    use socket2::Type;
    use std::io::Read;
    use std::io::Write;
    use std::net::TcpListener;
    use std::net::TcpStream;

    /// A connection of this process: the client's end, whose kernel takes in little, and ours.
    fn connect() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        client.set_recv_buffer_size(4_096).unwrap();
        client.connect(&listener.local_addr().unwrap().into()).unwrap();
        (client.into(), listener.accept().unwrap().0)
    }

    #[test]
    fn the_kernel_holds_little_and_gives_up_soon() {
        let (_client, ours) = connect();
        Conn::adopt(&ours, Arc::default()).unwrap();
        let socket = SockRef::from(&ours);
        assert!(socket.tcp_nodelay().unwrap());
        // Linux doubles what is asked for, for its own bookkeeping.
        let send_buffer = socket.send_buffer_size().unwrap();
        assert!((SEND_BUFFER_BYTES..=2 * SEND_BUFFER_BYTES).contains(&send_buffer), "{send_buffer}");
        assert_eq!(socket.tcp_notsent_lowat().unwrap(), NOTSENT_LOWAT_BYTES);
        assert!(USER_TIMEOUT.contains(&socket.tcp_user_timeout().unwrap().unwrap()));
    }

    #[test]
    fn those_who_stop_together_are_not_given_up_together() {
        let connections: Vec<_> = (0..64).map(|_| connect()).collect();
        let given_up = connections.iter().map(|(_client, ours)| {
            Conn::adopt(ours, Arc::default()).unwrap();
            SockRef::from(ours).tcp_user_timeout().unwrap().unwrap().as_millis() / 100
        });
        let moments = given_up.collect::<std::collections::BTreeSet<_>>().len();
        assert!(moments >= 10, "{moments} tenths of a second of 20");
    }

    #[test]
    fn a_reset_is_a_reset_and_drops_what_was_unsent() {
        let (mut client, mut ours) = connect();
        let record = Conn::adopt(&ours, Arc::default()).unwrap();
        ours.set_nonblocking(true).unwrap();
        while ours.write(&[0; 4_096]).is_ok() {}
        assert!(record.reset());
        drop(ours);
        let error = client.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn hanging_up_still_sends_what_was_answered() {
        let (mut client, mut ours) = connect();
        let record = Conn::adopt(&ours, Arc::default()).unwrap();
        ours.write_all(b"answered").unwrap();
        assert!(record.hang_up());
        assert!(!record.hang_up(), "once is enough");
        assert_eq!(ours.read(&mut [0; 8]).unwrap(), 0, "nothing more is read");
        drop(ours);
        let mut heard = String::new();
        client.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "answered");
    }

    #[test]
    fn a_record_that_outlived_its_connection_resets_no_other() {
        let (_client, first) = connect();
        let (mut other_client, mut other) = connect();
        let mut record = Conn::adopt(&first, Arc::default()).unwrap();
        drop(first);
        // As if the kernel had given the descriptor to the next connection; other tests may have got the real one.
        record.fd = other.as_raw_fd();

        assert!(!record.reset() && !record.hang_up());
        other.write_all(b"alive").unwrap();
        let mut heard = [0; 5];
        other_client.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"alive");
    }
}
