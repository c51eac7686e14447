//! The `claims` scenario: connections that each announce a frame of 2^62 bytes and then stream, all at once.
//!
//! They take no notice of the refusal and stream on, as an attacker would, until their bytes are out or the connection
//! is. The refusal is what a connection sees first: a close frame, a reset, or the end of the stream.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Serialize;

use crate::cli::ClaimsArgs;
use crate::conn::{Login, upgrade};
use crate::dest::{Dest, Stream};
use crate::frame::{self, Reader};
use crate::http::Http;
use crate::summary::Goal;
use crate::tally::{Latencies, Quantiles};
use crate::target::Target;
use crate::{host, report, setup};

/// What each announces.
const CLAIMED_BYTES: u64 = 1 << 62;
/// What is written at once.
static PIECE: [u8; 64 * 1_024] = [0x5a; 64 * 1_024];
/// A connection that is still open after so long was not refused.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two tries when nothing moves.
const NAP: Duration = Duration::from_micros(500);
/// From opening the sockets to the first claim, so that memory has settled.
const SETTLE: Duration = Duration::from_secs(1);
/// What the server may grow by, KiB.
const GROWTH_MAX_KIB: f64 = 32.0 * 1_024.0;
/// What a refusal may take, milliseconds.
const REFUSAL_MAX_MS: f64 = 100.0;

/// One round.
#[derive(Debug, Serialize)]
pub struct Claims {
    /// Whether the server spoke TLS.
    pub tls: bool,
    /// Connections.
    pub connections: u32,
    /// Bytes each announced.
    pub claimed_bytes: u64,
    /// Bytes that the server's side took from us, all together; at most `--bytes`.
    pub streamed_bytes: u64,
    /// How they were refused, with how many.
    pub refused: BTreeMap<String, u64>,
    /// From the header to the refusal, milliseconds.
    pub refusal: Option<Quantiles>,
    /// From the header to the end of the connection, milliseconds.
    pub end: Option<Quantiles>,
    /// Resident memory of the server before, KiB.
    pub before_kib: u64,
    /// The most it was, KiB.
    pub peak_kib: u64,
    /// `peak - before`, KiB.
    pub growth_kib: u64,
    /// The figures.
    pub goals: Vec<Goal>,
}

/// What one connection saw.
struct Claim {
    streamed: u64,
    refused: Option<(Duration, String)>,
    ended: Option<Duration>,
}

/// Measures the server, each round one of its own.
pub fn run(args: &ClaimsArgs, target: &Target) -> anyhow::Result<Vec<Claims>> {
    target.require_server()?;
    (0..args.rounds).map(|_| take_round(args, target)).collect()
}

fn take_round(args: &ClaimsArgs, target: &Target) -> anyhow::Result<Claims> {
    let (server, side) = target.server()?.context("no server")?;
    let pid = server.pid.context("memory needs the server's process: --pid")?;
    Http::new(&server.dest, 300_000).get("/healthz", None)?;
    let logins = setup::logins(&side, 0, 0..args.connections as usize)?;
    let share = args.bytes / u64::from(args.connections);
    let ready = Barrier::new(logins.len() + 1);
    let (before_kib, claims) = std::thread::scope(|scope| {
        let threads: Vec<_> = logins
            .iter()
            .enumerate()
            .map(|(index, login)| {
                let (dest, ready) = (&server.dest, &ready);
                scope.spawn(move || {
                    let opened = open(dest, index, login);
                    // Twice: when all are open, and when memory has been read. Those that failed come too.
                    ready.wait();
                    ready.wait();
                    opened.and_then(|(stream, reader)| claim(stream, reader, share))
                })
            })
            .collect();
        ready.wait();
        std::thread::sleep(SETTLE);
        let before = host::resident_kib(pid).and_then(|kib| host::forget_resident_peak(pid).map(|()| kib));
        ready.wait();
        let joined = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| bail!("a client panicked")));
        let claims = joined.collect::<anyhow::Result<Vec<_>>>()?;
        anyhow::Ok((before?, claims))
    })?;
    let peak_kib = host::resident_peak_kib(pid)?;
    let claims = Claims::of(&claims, before_kib, peak_kib, target.is_tls())?;
    claims.print();
    Ok(claims)
}

fn open(dest: &Dest, index: usize, login: &Login) -> anyhow::Result<(Stream, Reader)> {
    let mut stream = dest.connect(index, None)?;
    let rest = upgrade(&mut stream, dest.addr, login)?;
    stream.tcp().set_nonblocking(true)?;
    Ok((stream, Reader::holding(rest)))
}

/// Claims and streams `share` bytes.
fn claim(mut stream: Stream, mut reader: Reader, share: u64) -> anyhow::Result<Claim> {
    let mut header = vec![0x80 | frame::TEXT, 0x80 | 127];
    header.extend_from_slice(&CLAIMED_BYTES.to_be_bytes());
    header.extend_from_slice(&[1, 2, 3, 4]);
    stream.write_all(&header).context("the header")?;
    let began = Instant::now();
    let mut claim = Claim { streamed: 0, refused: None, ended: None };
    let mut buffer = [0; 16 * 1_024];
    while claim.ended.is_none() && began.elapsed() < PATIENCE {
        let mut moved = false;
        match stream.read(&mut buffer) {
            Ok(0) => claim.end(began, "end of stream"),
            Ok(len) => {
                moved = true;
                let mut code = None;
                // Bytes that are no frames end the search for a close code and nothing else.
                let _ = reader.feed(buffer.get_mut(..len).unwrap_or_default(), |opcode, payload| {
                    if opcode == frame::CLOSE {
                        code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                    }
                });
                if let Some(code) = code {
                    claim.refuse(began, &format!("close {code}"));
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => (),
            Err(error) => claim.end(began, &format!("{:?}", error.kind())),
        }
        let left = usize::try_from(share - claim.streamed).unwrap_or(usize::MAX).min(PIECE.len());
        if left > 0 && claim.ended.is_none() {
            match stream.write(PIECE.get(..left).unwrap_or_default()) {
                Ok(len) => {
                    moved = true;
                    claim.streamed += len as u64;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => (),
                Err(error) => claim.end(began, &format!("{:?}", error.kind())),
            }
        }
        if !moved {
            std::thread::sleep(NAP);
        }
    }
    Ok(claim)
}

impl Claim {
    fn refuse(&mut self, began: Instant, how: &str) {
        self.refused.get_or_insert_with(|| (began.elapsed(), how.to_owned()));
    }

    fn end(&mut self, began: Instant, how: &str) {
        self.refuse(began, how);
        self.ended = Some(began.elapsed());
    }
}

impl Claims {
    fn of(claims: &[Claim], before_kib: u64, peak_kib: u64, tls: bool) -> anyhow::Result<Self> {
        let (mut refusal, mut end) = (Latencies::new()?, Latencies::new()?);
        let mut refused = BTreeMap::new();
        for claim in claims {
            let (how, took) = claim.refused.as_ref().map_or(("not refused", PATIENCE), |(took, how)| (how, *took));
            *refused.entry(how.to_owned()).or_insert(0) += 1;
            refusal.add(took.as_micros() as u64);
            end.add(claim.ended.unwrap_or(PATIENCE).as_micros() as u64);
        }
        let (refusal, growth_kib) = (refusal.quantiles(), peak_kib.saturating_sub(before_kib));
        let slowest = refusal.map(|refusal| refusal.max);
        let at_most =
            |name, value: Option<f64>, limit| Goal { name, value, limit, met: value.is_some_and(|v| v <= limit) };
        Ok(Self {
            tls,
            connections: claims.len() as u32,
            claimed_bytes: CLAIMED_BYTES,
            streamed_bytes: claims.iter().map(|claim| claim.streamed).sum(),
            refused,
            refusal,
            end: end.quantiles(),
            before_kib,
            peak_kib,
            growth_kib,
            goals: vec![
                at_most("growth of memory, KiB", Some(growth_kib as f64), GROWTH_MAX_KIB),
                at_most("slowest refusal, ms", slowest, REFUSAL_MAX_MS),
            ],
        })
    }

    fn print(&self) {
        report::title(&format!(
            "{} connections claim {} bytes each and stream {} in all",
            self.connections, self.claimed_bytes, self.streamed_bytes
        ));
        report::cells(
            "refused",
            &self.refused.iter().map(|(how, count)| format!("{how}: {count}")).collect::<Vec<_>>(),
        );
        report::cells("", &["p50", "p99", "max"].map(str::to_owned));
        for (name, times) in [("refusal_ms", self.refusal), ("end_ms", self.end)] {
            let times = times.unwrap_or_default();
            report::cells(name, &[times.p50, times.p99, times.max].map(|ms| report::number(Some(ms))));
        }
        report::cells("", &["before", "peak", "growth"].map(str::to_owned));
        report::cells("memory_kib", &[self.before_kib, self.peak_kib, self.growth_kib].map(|kib| kib.to_string()));
        report::goals(&self.goals);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::net::TcpListener;

    /// Has one client claim, against a peer that does what it is told with the connection.
    fn against(peer: impl FnOnce(std::net::TcpStream) + Send + 'static) -> Claim {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let dest = Dest::plain(listener.local_addr().unwrap());
        let peer = std::thread::spawn(move || peer(listener.accept().unwrap().0));
        let stream = dest.connect(0, None).unwrap();
        stream.tcp().set_nonblocking(true).unwrap();
        let claim = claim(stream, Reader::default(), 8 << 20).unwrap();
        peer.join().unwrap();
        claim
    }

    #[test]
    fn a_close_frame_is_the_refusal_even_when_the_connection_goes_on() {
        let claim = against(|mut peer| {
            let mut header = [0; 14];
            peer.read_exact(&mut header).unwrap();
            assert_eq!(header[..10], [0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0]);
            peer.write_all(&[0x88, 2, 0x03, 0xf1]).unwrap();
            let streamed = std::io::copy(&mut peer.take(8 << 20), &mut std::io::sink()).unwrap();
            assert_eq!(streamed, 8 << 20, "it streams on");
        });
        assert_eq!(claim.refused.unwrap().1, "close 1009");
        assert_eq!(claim.streamed, 8 << 20);
        assert!(claim.ended.is_some());
    }

    #[test]
    fn one_that_is_never_refused_misses_the_goal() {
        let lenient = Claim { streamed: 1, refused: None, ended: None };
        let claims = Claims::of(&[lenient], 1_000, 40_000, false).unwrap();
        assert_eq!(claims.refused["not refused"], 1);
        assert!(claims.goals.iter().all(|goal| !goal.met), "{:?}", claims.goals);
    }
}
