//! The sending thread: every fix at its instant, whatever the server does.
//!
//! Sleeps until the next fix is due, but at least [`NAP`], then writes all that are due. A socket that takes no more
//! keeps its frames in order and is tried again at each turn; the schedule does not wait for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::city::{Fleet, Place};
use crate::conn::{Conn, Sent};
use crate::frame;
use crate::plan::{Due, Plan};
use crate::tally::{Latencies, SendLog};

/// Shortest sleep; bounds what waking up costs at high rates, and adds at most this to a latency.
const NAP: Duration = Duration::from_micros(50);

/// What sending came to.
#[derive(Debug)]
pub struct Sending {
    /// Fixes that count.
    pub counted: u64,
    /// How late fixes went out: from the intended to the real send.
    pub lateness: Latencies,
    /// Fixes that could not be handed to their socket.
    pub failed: u64,
}

/// The sender of one run.
pub struct Pacer {
    /// Sockets; the first ones are the drivers'.
    pub conns: Arc<Vec<Conn>>,
    /// When what is due.
    pub plan: Arc<Plan>,
    /// Where real send times go.
    pub log: Arc<SendLog>,
    /// Where the drivers are.
    pub fleet: Fleet,
    /// Time between two fixes of a driver, seconds.
    pub period_s: f64,
    /// Set by whoever wants the rest of the plan left unsent.
    pub stop: Arc<AtomicBool>,
}

impl Pacer {
    /// Sends the plan, counted from `start`; returns when the last fix has gone or it was told to stop.
    pub fn run(mut self, start: Instant) -> anyhow::Result<Sending> {
        crate::host::sleep_precisely();
        let mut sending = Sending { counted: 0, lateness: Latencies::new()?, failed: 0 };
        let mut blocked = Vec::new();
        let (mut text, mut wire) = (String::new(), Vec::new());
        let mut n = 0;
        while let Some(due) = self.plan.send(n)
            && !self.stop.load(Ordering::Relaxed)
        {
            let now = start.elapsed();
            let wait = Duration::from_micros(due.at_us).saturating_sub(now);
            if !wait.is_zero() || Instant::now() < start {
                self.retry(&mut blocked, &mut sending);
                let until_start = start.saturating_duration_since(Instant::now());
                std::thread::sleep(wait.max(NAP).max(until_start));
                continue;
            }
            n += 1;
            let Some(place) = self.fleet.step(due.driver, self.period_s) else { continue };
            write_fix(&mut text, place, self.plan.stamp_ms(due.at_us));
            wire.clear();
            frame::put_client(&mut wire, frame::TEXT, text.as_bytes());
            self.send(due, start, &wire, &mut blocked, &mut sending);
        }
        while !blocked.is_empty() && start.elapsed() < Duration::from_micros(self.plan.marks_us()[2] + 2_000_000) {
            self.retry(&mut blocked, &mut sending);
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(sending)
    }

    fn send(&self, due: Due, start: Instant, wire: &[u8], blocked: &mut Vec<usize>, sending: &mut Sending) {
        let Some(conn) = self.conns.get(due.driver) else { return };
        let now_us = start.elapsed().as_micros() as u64;
        self.log.note(due.driver, due.k, now_us);
        if self.plan.counts(due.at_us) {
            sending.counted += 1;
            sending.lateness.add(now_us - due.at_us);
        }
        match conn.send(wire) {
            Ok(Sent::All) => (),
            Ok(Sent::Some) => {
                if !blocked.contains(&due.driver) {
                    blocked.push(due.driver);
                }
            }
            Err(_) => sending.failed += 1,
        }
    }

    fn retry(&self, blocked: &mut Vec<usize>, sending: &mut Sending) {
        blocked.retain(|driver| match self.conns.get(*driver).map(Conn::flush) {
            Some(Ok(Sent::Some)) => true,
            Some(Err(_)) => {
                sending.failed += 1;
                false
            }
            _ => false,
        });
    }
}

/// The driver's `location` message; `stamp_ms` is both its timestamp and its seq.
pub fn write_fix(text: &mut String, place: Place, stamp_ms: i64) {
    use std::fmt::Write;
    let Place { latitude, longitude, speed, heading } = place;
    text.clear();
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        r#"{{"type":"location","latitude":{latitude:.7},"longitude":{longitude:.7},"speed":{speed:.1},"heading":{heading:.1},"accuracy":5.0,"timestamp":{stamp_ms},"seq":{stamp_ms},"battery":80}}"#
    );
}
