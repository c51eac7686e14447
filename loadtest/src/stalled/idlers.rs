//! The watchers that read for a while and then stop.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::stage::{Stage, orders_of};
use super::{Kind, Row};
use crate::conn::{Conn, Dial};
use crate::crew::Crew;
use crate::frame;
use crate::setup;

/// Between two bytes that a trickling reader takes.
const DRIP: Duration = Duration::from_secs(1);
/// Drips between two pongs that it sends unasked, so as to look alive.
const DRIPS_PER_PONG: usize = 10;

/// Watchers, still reading.
pub struct Idlers {
    crew: Crew,
}

/// Watchers that have stopped. Their sockets stay open, as long as the server lets them, until this is dropped.
pub struct Stopped {
    conns: Arc<Vec<Conn>>,
    stop: Arc<AtomicBool>,
    dripping: Option<JoinHandle<()>>,
}

impl Idlers {
    /// Connects them and has each watch its driver.
    pub fn join(stage: &Stage, row: &Row) -> anyhow::Result<Self> {
        let watches = row.stalled_watches();
        let dial = Dial {
            dest: stage.server.dest.clone(),
            first: row.drivers() + row.healthy,
            receive_buffer: row.kind.receive_buffer(),
        };
        let crew = Crew::connect(&dial, &setup::logins(stage.side, 0, watches.iter().copied())?, 0)?;
        setup::welcomed(stage.side, &crew)?;
        setup::subscribe(&crew, 0, &orders_of(&stage.orders, &watches))?;
        Ok(Self { crew })
    }

    /// How the server sees them.
    pub fn addresses(&self) -> anyhow::Result<HashSet<SocketAddr>> {
        Ok(self.crew.conns.iter().map(Conn::local_addr).collect::<Result<_, _>>()?)
    }

    /// Stops reading, at once and for good.
    pub fn stop(self, kind: Kind) -> anyhow::Result<Stopped> {
        let conns = Arc::clone(&self.crew.conns);
        self.crew.finish()?;
        let stop = Arc::new(AtomicBool::new(false));
        let mut stopped = Stopped { conns, stop, dripping: None };
        if matches!(kind, Kind::Trickle) {
            let (conns, stop) = (Arc::clone(&stopped.conns), Arc::clone(&stopped.stop));
            stopped.dripping =
                Some(std::thread::Builder::new().name("drip".into()).spawn(move || drip(&conns, &stop))?);
        }
        Ok(stopped)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.dripping.take() {
            // It neither fails nor panics.
            let _ = thread.join();
        }
    }
}

/// A byte from each of them every second, spread over the second, until told to stop.
fn drip(conns: &[Conn], stop: &AtomicBool) {
    let gap = DRIP / conns.len().max(1) as u32;
    let mut pong = Vec::new();
    frame::put_client(&mut pong, frame::PONG, b"alive");
    let mut due = Instant::now();
    for turn in 1.. {
        for conn in conns {
            due += gap;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if stop.load(Ordering::Relaxed) {
                return;
            }
            // One that the server has ended stays silent.
            let _ = conn.drip();
            if turn % DRIPS_PER_PONG == 0 {
                let _ = conn.send(&pong);
            }
        }
    }
}
