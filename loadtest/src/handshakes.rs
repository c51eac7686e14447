//! The `handshakes` scenario: connections that do not finish what they begin, and how soon each is closed.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Serialize;

use crate::cli::HandshakesArgs;
use crate::conn::{Login, upgrade};
use crate::dest::{Dest, Stream};
use crate::frame::{self, Reader};
use crate::report;
use crate::setup;
use crate::target::Target;

/// Between two bytes of those that drip.
const DRIP: Duration = Duration::from_secs(1);

/// What a connection leaves undone. The ones that drip send the rest a byte a second.
struct Abuse {
    name: &'static str,
    /// Whether it is a WebSocket by then.
    upgraded: bool,
    /// Sent at once.
    begin: Vec<u8>,
    /// Dripped.
    rest: Vec<u8>,
}

/// How one kind fared.
#[derive(Debug, Serialize)]
pub struct Handshake {
    /// What was left undone.
    pub kind: &'static str,
    /// Connections.
    pub connections: usize,
    /// How they were closed, with how many.
    pub closed: BTreeMap<String, u64>,
    /// Seconds until the first was; `None` when none ever was.
    pub first_s: Option<f64>,
    /// Seconds until the last was; `None` when one never was.
    pub last_s: Option<f64>,
}

/// Measures every kind, all at once.
pub fn run(args: &HandshakesArgs, target: &Target) -> anyhow::Result<Vec<Handshake>> {
    target.require_server()?;
    let (server, side) = target.server()?.context("no server")?;
    let (abuses, each) = (abuses(), args.connections as usize);
    let patience = Duration::from_secs_f64(args.patience);
    let logins = setup::logins(&side, 0, 0..abuses.len() * each)?;
    let results = std::thread::scope(|scope| {
        let threads: Vec<_> = logins
            .iter()
            .enumerate()
            .map(|(index, login)| {
                let (dest, abuse) = (&server.dest, abuses.get(index / each));
                scope.spawn(move || abuse.context("no such kind")?.commit(dest, index, login, patience))
            })
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| bail!("a client panicked")));
        joined.collect::<anyhow::Result<Vec<_>>>()
    })?;
    let kinds: Vec<_> = abuses.iter().zip(results.chunks(each)).map(|(abuse, ends)| abuse.sum_up(ends)).collect();
    report::title("closed after, seconds");
    for kind in &kinds {
        let how = kind.closed.iter().map(|(how, count)| format!("{how}: {count}"));
        let times = [kind.first_s, kind.last_s].map(report::number);
        report::cells(kind.kind, &times.into_iter().chain(how).collect::<Vec<_>>());
    }
    Ok(kinds)
}

fn abuses() -> Vec<Abuse> {
    let abuse =
        |name, upgraded, begin: &[u8], rest: &[u8]| Abuse { name, upgraded, begin: begin.into(), rest: rest.into() };
    let endless_head = [&b"GET / HTTP/1.1\r\nHost: x\r\nX: "[..], &[b'x'; 4_000]].concat();
    let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut text = Vec::new();
    frame::put_client(&mut text, frame::TEXT, &[b'x'; 4_000]);
    let (half, rest) = text.split_at(2_000);
    // The same frame without its FIN bit is a first fragment.
    let mut fragment = text.clone();
    if let Some(first) = fragment.first_mut() {
        *first &= 0x7f;
    }
    vec![
        abuse("silent connect", false, b"", b""),
        abuse("slow head", false, b"", &endless_head),
        abuse("idle after a request", false, request, b""),
        abuse("slow second head", false, request, &endless_head),
        abuse("half a frame's head", true, half.get(..3).unwrap_or_default(), b""),
        abuse("half a frame", true, half, b""),
        abuse("slow frame", true, half, rest),
        abuse("open fragment", true, &fragment, b""),
        abuse("no pongs", true, b"", b""),
    ]
}

/// When and how a connection was closed; `None`: never.
type End = Option<(Duration, String)>;

impl Abuse {
    fn commit(&self, dest: &Dest, index: usize, login: &Login, patience: Duration) -> anyhow::Result<End> {
        let mut stream = dest.connect(index, None)?;
        let mut reader = Reader::default();
        if self.upgraded {
            reader = Reader::holding(upgrade(&mut stream, dest.addr, login)?);
        }
        let began = Instant::now();
        stream.write_all(&self.begin)?;
        stream.flush()?;
        let mut drips = self.rest.iter();
        let mut next_drip = began + DRIP;
        while began.elapsed() < patience {
            stream.tcp().set_read_timeout(Some(next_drip.saturating_duration_since(Instant::now()).max(DRIP / 100)))?;
            if let Some(how) = self.listen(&mut stream, &mut reader) {
                return Ok(Some((began.elapsed(), how)));
            }
            if Instant::now() >= next_drip {
                next_drip += DRIP;
                // A connection that is gone shows in the next read.
                let _ = drips.next().map(|byte| stream.write(&[*byte]));
            }
        }
        Ok(None)
    }

    /// Reads once; how it was closed, if it was.
    fn listen(&self, stream: &mut Stream, reader: &mut Reader) -> Option<String> {
        let mut buffer = [0; 4_096];
        match stream.read(&mut buffer) {
            Ok(0) => Some("end of stream".into()),
            Ok(len) if self.upgraded => {
                let mut how = None;
                let fed = reader.feed(buffer.get_mut(..len)?, |opcode, payload| {
                    if opcode == frame::CLOSE {
                        let code = payload.first_chunk().map_or(0, |code| u16::from_be_bytes(*code));
                        how = Some(format!("close {code}"));
                    }
                });
                how.or_else(|| fed.err().map(|broken| broken.to_string()))
            }
            Ok(len) => {
                let text = String::from_utf8_lossy(buffer.get(..len)?).into_owned();
                let status = text.strip_prefix("HTTP/1.1 ")?.get(..3)?.to_owned();
                (status != "200").then(|| format!("status {status}"))
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
            Err(error) => Some(format!("{:?}", error.kind())),
        }
    }

    fn sum_up(&self, ends: &[End]) -> Handshake {
        let mut closed = BTreeMap::new();
        for end in ends {
            *closed.entry(end.as_ref().map_or("never".to_owned(), |(_, how)| how.clone())).or_insert(0) += 1;
        }
        let seconds = ends.iter().map(|end| end.as_ref().map(|(took, _)| took.as_secs_f64()));
        let all: Option<Vec<f64>> = seconds.clone().collect();
        Handshake {
            kind: self.name,
            connections: ends.len(),
            closed,
            first_s: seconds.flatten().min_by(f64::total_cmp),
            last_s: all.and_then(|all| all.into_iter().max_by(f64::total_cmp)),
        }
    }
}
