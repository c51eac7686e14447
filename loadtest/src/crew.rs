//! All sockets of a run and the one thread that reads them.
//!
//! One epoll loop for the whole fleet: a task a socket would cost the generator more than the server spends. Drivers
//! come first, then customers; customer `j` watches driver `j`. Before the run the thread only counts answers, which
//! the set-up waits for; from [`Crew::begin`] on it also tallies. Pings are answered at all times.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use crate::conn::{Conn, Dial, Login, open};
use crate::frame::{self, Reader};
use crate::tally::Tally;
use crate::wire::{self, Note};

/// Threads that open sockets at once.
const OPENERS: usize = 8;
/// How many refusals are kept to be shown.
const REFUSALS_KEPT: usize = 5;

/// What has arrived since the sockets were opened.
#[derive(Debug, Default)]
pub struct Counts {
    /// `welcome` frames.
    pub welcomes: AtomicU64,
    /// `ok` answers.
    pub oks: AtomicU64,
    /// `ack`s before the run: one for each driver's first fix.
    pub acks: AtomicU64,
    /// `location` frames that customers got.
    pub locations: AtomicU64,
    /// `error` and `rejected` frames.
    pub refusals: AtomicU64,
    /// Sockets that ended.
    pub closed: AtomicU64,
    /// Watched drivers whose newest fix is still to come; refreshed when nothing else is to be read.
    pub outstanding: AtomicUsize,
    /// Drivers whose newest fix is still to be acknowledged; likewise.
    pub unsettled: AtomicUsize,
    /// A few refusals and close reasons, as they came.
    pub texts: Mutex<Vec<String>>,
}

impl Counts {
    fn keep(&self, text: String) {
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        if texts.len() < REFUSALS_KEPT {
            texts.push(text);
        }
    }

    /// The kept texts.
    pub fn texts(&self) -> Vec<String> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until `counter` has reached `want`; fails at the deadline with what was refused by then.
    pub fn wait(&self, what: &str, counter: &AtomicU64, want: u64, deadline: Instant) -> anyhow::Result<()> {
        loop {
            let have = counter.load(Ordering::Relaxed);
            if have >= want {
                return Ok(());
            }
            if Instant::now() > deadline {
                let closed = self.closed.load(Ordering::Relaxed);
                bail!("{have} of {want} {what} came in time; {closed} sockets ended; refused: {:?}", self.texts());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// A run that the reading thread tallies.
struct Run {
    start: Instant,
    tally: Mutex<Option<Tally>>,
}

/// The sockets and their reader.
pub struct Crew {
    /// Drivers, then customers.
    pub conns: Arc<Vec<Conn>>,
    /// What has arrived.
    pub counts: Arc<Counts>,
    run: Arc<OnceLock<Run>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<anyhow::Result<Option<Tally>>>>,
}

impl Crew {
    /// Opens a socket for each login, the first `drivers` of which are drivers', and starts reading.
    pub fn connect(dial: &Dial, logins: &[Login], drivers: usize) -> anyhow::Result<Self> {
        let share = logins.len().div_ceil(OPENERS).max(1);
        let opened = std::thread::scope(|scope| {
            let open_share = |(part, logins): (usize, &[Login])| -> anyhow::Result<Vec<(Conn, Vec<u8>)>> {
                let first = part * share;
                logins.iter().enumerate().map(|(at, login)| open(dial, first + at, login)).collect()
            };
            let threads: Vec<_> =
                logins.chunks(share).enumerate().map(|part| scope.spawn(move || open_share(part))).collect();
            let parts = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| bail!("an opener panicked")));
            parts.collect::<anyhow::Result<Vec<_>>>()
        })?;
        let (conns, rests): (Vec<_>, Vec<_>) = opened.into_iter().flatten().unzip();
        let conns = Arc::new(conns);
        let counts = Arc::new(Counts::default());
        let (run, stop) = (Arc::new(OnceLock::new()), Arc::new(AtomicBool::new(false)));
        let reading = Reading {
            conns: Arc::clone(&conns),
            counts: Arc::clone(&counts),
            run: Arc::clone(&run),
            stop: Arc::clone(&stop),
            drivers,
            tally: None,
        };
        let thread = std::thread::Builder::new().name("reader".into()).spawn(move || reading.run(rests))?;
        Ok(Self { conns, counts, run, stop, thread: Some(thread) })
    }

    /// From now on arrivals are tallied; instants are counted from `start`.
    pub fn begin(&self, start: Instant, tally: Tally) {
        self.counts.outstanding.store(usize::MAX, Ordering::Relaxed);
        self.counts.unsettled.store(usize::MAX, Ordering::Relaxed);
        let _ = self.run.set(Run { start, tally: Mutex::new(Some(tally)) });
    }

    /// Stops reading, closes every socket and hands the tally back, if there was a run.
    pub fn finish(mut self) -> anyhow::Result<Option<Tally>> {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().context("no reader")?;
        thread.join().unwrap_or_else(|_| bail!("the reader panicked"))
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

struct Reading {
    conns: Arc<Vec<Conn>>,
    counts: Arc<Counts>,
    run: Arc<OnceLock<Run>>,
    stop: Arc<AtomicBool>,
    drivers: usize,
    tally: Option<(Instant, Tally)>,
}

impl Reading {
    fn run(mut self, rests: Vec<Vec<u8>>) -> anyhow::Result<Option<Tally>> {
        let mut poll = Poll::new()?;
        let mut events = Events::with_capacity(1_024);
        let mut readers: Vec<Reader> = rests.into_iter().map(Reader::holding).collect();
        let mut buffer = vec![0; 64 * 1_024];
        let conns = Arc::clone(&self.conns);
        for (index, (conn, reader)) in conns.iter().zip(&mut readers).enumerate() {
            poll.registry().register(&mut SourceFd(&conn.fd()), Token(index), Interest::READABLE)?;
            self.chunk(index, conn, reader, &mut []);
            // What a TLS session has taken in already raises no event.
            self.read_ready(index, conn, reader, &mut buffer);
        }
        while !self.stop.load(Ordering::Relaxed) {
            self.take_run();
            if let Err(error) = poll.poll(&mut events, Some(Duration::from_millis(50)))
                && error.kind() != ErrorKind::Interrupted
            {
                return Err(error.into());
            }
            for event in &events {
                let index = event.token().0;
                if let Some((conn, reader)) = conns.get(index).zip(readers.get_mut(index)) {
                    self.read_ready(index, conn, reader, &mut buffer);
                }
            }
            if let Some((_, tally)) = &self.tally
                && events.is_empty()
            {
                // Only when idle: it looks at every driver.
                self.counts.outstanding.store(tally.outstanding(), Ordering::Relaxed);
                self.counts.unsettled.store(tally.unsettled(), Ordering::Relaxed);
            }
        }
        Ok(self.tally.map(|(_, tally)| tally))
    }

    fn take_run(&mut self) {
        if self.tally.is_none()
            && let Some(run) = self.run.get()
        {
            let tally = run.tally.lock().unwrap_or_else(PoisonError::into_inner).take();
            self.tally = tally.map(|tally| (run.start, tally));
        }
    }

    /// Edge-triggered: a short read means that the next byte raises a new event (epoll(7), question 9).
    fn read_ready(&mut self, index: usize, conn: &Conn, reader: &mut Reader, buffer: &mut [u8]) {
        loop {
            match conn.read(buffer) {
                Ok(0) => return self.ended(index, "end of stream"),
                Ok(len) => {
                    let last = len < buffer.len() && conn.short_read_is_last();
                    self.chunk(index, conn, reader, buffer.get_mut(..len).unwrap_or_default());
                    if last {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                Err(error) => return self.ended(index, &error.to_string()),
            }
        }
    }

    fn chunk(&mut self, index: usize, conn: &Conn, reader: &mut Reader, chunk: &mut [u8]) {
        let now_us = self.tally.as_ref().map_or(0, |(start, _)| start.elapsed().as_micros() as u64);
        let read = reader.feed(chunk, |opcode, payload| match opcode {
            frame::TEXT => self.text(index, payload, now_us),
            frame::PING => {
                let mut wire = Vec::new();
                frame::put_client(&mut wire, frame::PONG, payload);
                // A broken socket shows in its next read.
                let _ = conn.send(&wire);
            }
            frame::CLOSE => {
                let code = payload.first_chunk().map_or(0, |code| u16::from_be_bytes(*code));
                let reason = String::from_utf8_lossy(payload.get(2..).unwrap_or_default()).into_owned();
                self.counts.keep(format!("close {code} {reason}"));
            }
            _ => (),
        });
        if let Err(broken) = read {
            self.ended(index, &broken.to_string());
        }
    }

    fn text(&mut self, index: usize, payload: &[u8], now_us: u64) {
        let counts = &self.counts;
        let add = |counter: &AtomicU64| {
            counter.fetch_add(1, Ordering::Relaxed);
        };
        match wire::read(payload) {
            Note::Location { timestamp_ms } => {
                add(&counts.locations);
                if let Some((_, tally)) = &mut self.tally
                    && let Some(driver) = index.checked_sub(self.drivers)
                {
                    tally.location(driver, timestamp_ms, now_us);
                }
            }
            Note::Ack { seq } => match &mut self.tally {
                Some((_, tally)) => tally.ack(index, seq, now_us),
                None => add(&counts.acks),
            },
            Note::Ok => add(&counts.oks),
            Note::Welcome => add(&counts.welcomes),
            Note::Refused(text) => {
                add(&counts.refusals);
                counts.keep(text);
            }
            Note::Order | Note::Other => (),
        }
    }

    fn ended(&self, index: usize, why: &str) {
        self.counts.closed.fetch_add(1, Ordering::Relaxed);
        let who = if index < self.drivers { "driver" } else { "customer" };
        self.counts.keep(format!("a {who}'s socket ended: {why}"));
    }
}
