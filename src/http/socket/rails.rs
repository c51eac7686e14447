//! What all threads of one server share: the times its sockets are held to, the call to drain, and the counters.

use crate::limits::HEARTBEAT_S;
use serde::Serialize;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long a connection may do nothing. Tests shorten them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// Between two heartbeats of a socket; twice that of silence ends it with 4408.
    pub heartbeat: Duration,
    /// An incomplete frame or message; then 1008.
    pub half_frame: Duration,
    /// A client that does not read; then a reset.
    pub stall: Duration,
    /// A plain HTTP connection on which nothing moves; then a reset.
    pub http_idle: Duration,
    /// One plain HTTP request, however much it moves; then a reset.
    pub http_request: Duration,
    /// A plain HTTP connection between two requests, whatever part of the next has come; then its end.
    pub http_between: Duration,
    /// The close handshake, and what a client may take after a drain's close frame; then a reset.
    pub farewell: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(HEARTBEAT_S),
            half_frame: Duration::from_secs(5),
            stall: Duration::from_secs(10),
            http_idle: Duration::from_secs(30),
            http_request: Duration::from_secs(300),
            // Looked at once a second: ended within five.
            http_between: Duration::from_secs(4),
            farewell: Duration::from_secs(2),
        }
    }
}

/// Why a connection was ended from outside its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Eviction {
    Stalled,
    Silent,
    HalfFrame,
    Expired,
    GaveWay,
    ControlFlood,
    DataFlood,
    IdleHttp,
    SlowHead,
    Lingering,
    Drained,
}

/// Reasons there are.
const EVICTIONS: usize = 11;

/// How many connections have been ended from outside their sessions, by reason, and how many sockets there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct RailsState {
    /// Open WebSockets.
    pub sockets: usize,
    /// Reset: did not read.
    pub stalled: u64,
    /// Closed with 4408: nothing heard.
    pub silent: u64,
    /// Closed with 1008: half a frame and then nothing.
    pub half_frame: u64,
    /// Closed with 4401: the token expired.
    pub expired: u64,
    /// Closed with 4409, or reset if it does not read: the oldest socket of a principal that opened one more than it may.
    pub gave_way: u64,
    /// Closed with 4429: pings and their like without end.
    pub control_flood: u64,
    /// Closed with 4429: data frames without end.
    pub data_flood: u64,
    /// Reset: plain HTTP on which nothing moved.
    pub idle_http: u64,
    /// Ended: plain HTTP on which the next request was not complete in time.
    pub slow_head: u64,
    /// Reset: did not finish the close handshake.
    pub lingering: u64,
    /// Closed with 1012: the server restarts.
    pub drained: u64,
}

impl RailsState {
    /// How often each rail has acted, by the name it has in the metrics.
    #[must_use]
    pub fn totals(&self) -> [(&'static str, u64); EVICTIONS] {
        [
            ("stalled", self.stalled),
            ("silent", self.silent),
            ("half_frame", self.half_frame),
            ("expired", self.expired),
            ("gave_way", self.gave_way),
            ("control_flood", self.control_flood),
            ("data_flood", self.data_flood),
            ("idle_http", self.idle_http),
            ("slow_head", self.slow_head),
            ("lingering", self.lingering),
            ("drained", self.drained),
        ]
    }
}

/// Shared by all threads of one server; made once, handed to `tune` and kept by whoever will drain.
#[derive(Debug, Default)]
pub struct Rails {
    pub(super) timings: Timings,
    sockets: AtomicUsize,
    evictions: [AtomicU64; EVICTIONS],
    /// The drain's window in milliseconds plus one; zero while the server is to stay up.
    drain: AtomicU64,
}

impl Rails {
    /// Rails with these times.
    #[must_use]
    pub fn new(timings: Timings) -> Self {
        Self { timings, ..Self::default() }
    }

    /// Closes every socket with 1012, spread evenly over `window`, resets those that are left a little later, and
    /// refuses new ones. Returns at once; the wardens do it. Cannot be undone.
    pub fn drain(&self, window: Duration) {
        let millis = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
        self.drain.store(millis.saturating_add(1), Ordering::Release);
    }

    /// Whether the server is on its way out.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.drain_window().is_some()
    }

    /// Sockets and evictions so far.
    #[must_use]
    pub fn state(&self) -> RailsState {
        let count = |reason: Eviction| self.evictions[reason as usize].load(Ordering::Relaxed);
        RailsState {
            sockets: self.sockets.load(Ordering::Relaxed),
            stalled: count(Eviction::Stalled),
            silent: count(Eviction::Silent),
            half_frame: count(Eviction::HalfFrame),
            expired: count(Eviction::Expired),
            gave_way: count(Eviction::GaveWay),
            control_flood: count(Eviction::ControlFlood),
            data_flood: count(Eviction::DataFlood),
            idle_http: count(Eviction::IdleHttp),
            slow_head: count(Eviction::SlowHead),
            lingering: count(Eviction::Lingering),
            drained: count(Eviction::Drained),
        }
    }

    pub(super) fn drain_window(&self) -> Option<Duration> {
        self.drain.load(Ordering::Acquire).checked_sub(1).map(Duration::from_millis)
    }

    pub(super) fn count(&self, reason: Eviction) {
        self.evictions[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn socket_opened(&self) {
        self.sockets.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn socket_closed(&self) {
        self.sockets.fetch_sub(1, Ordering::Relaxed);
    }
}
