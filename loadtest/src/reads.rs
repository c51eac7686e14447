//! Reads of current locations over HTTP while fixes flow: a few kept-alive connections at a fixed rate, open loop.

use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng, rngs::SmallRng};
use serde::Serialize;

use crate::dest::Dest;
use crate::http::Http;
use crate::setup::driver_name;
use crate::tally::{Latencies, Quantiles};
use crate::token::Mint;

/// Connections that share the rate.
const READERS: usize = 4;

/// What to read and how often.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The server.
    pub server: Dest,
    /// Reads a second, all connections together.
    pub per_s: f64,
    /// For how long.
    pub length: Duration,
    /// Drivers to pick from.
    pub drivers: usize,
}

/// What reading came to.
#[derive(Debug, Clone, Serialize)]
pub struct Reads {
    /// Answered with 200.
    pub ok: u64,
    /// Anything else.
    pub failed: u64,
    /// One answer that was not 200.
    pub example: Option<String>,
    /// From the intended time to the whole answer, milliseconds.
    pub latency: Option<Quantiles>,
}

struct Share {
    ok: u64,
    failed: u64,
    example: Option<String>,
    latency: Latencies,
}

impl Reading {
    /// Reads as service for the whole length.
    pub fn run(&self, secret: &str) -> anyhow::Result<Reads> {
        let token = Mint::new(secret)?.token("service", "load-reader")?;
        let start = Instant::now();
        let shares = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..READERS)
                .map(|reader| {
                    let token = &token;
                    scope.spawn(move || self.read(reader, start, token))
                })
                .collect();
            let joined = threads.into_iter().map(|thread| thread.join());
            joined
                .map(|share| share.unwrap_or_else(|_| anyhow::bail!("a reader panicked")))
                .collect::<Result<Vec<_>, _>>()
        })?;
        let mut latency = Latencies::new()?;
        shares.iter().for_each(|share| latency.merge(&share.latency));
        Ok(Reads {
            ok: shares.iter().map(|share| share.ok).sum(),
            failed: shares.iter().map(|share| share.failed).sum(),
            example: shares.into_iter().find_map(|share| share.example),
            latency: latency.quantiles(),
        })
    }

    fn read(&self, reader: usize, start: Instant, token: &str) -> anyhow::Result<Share> {
        crate::host::sleep_precisely();
        let mut share = Share { ok: 0, failed: 0, example: None, latency: Latencies::new()? };
        let mut random = SmallRng::seed_from_u64(reader as u64);
        let mut http = Http::new(&self.server, 200_000);
        let gap_s = READERS as f64 / self.per_s;
        for n in 0.. {
            let due = Duration::from_secs_f64(gap_s * (n as f64 + reader as f64 / READERS as f64));
            if due >= self.length || start.elapsed() > 2 * self.length {
                break;
            }
            std::thread::sleep(due.saturating_sub(start.elapsed()));
            let driver = driver_name(random.random_range(0..self.drivers));
            let reply = http.get(&format!("/api/v1/drivers/{driver}/location"), Some(token));
            share.latency.add((start.elapsed() - due).as_micros() as u64);
            match reply {
                Ok(reply) if reply.status == 200 => share.ok += 1,
                other => {
                    share.failed += 1;
                    share.example.get_or_insert_with(|| match other {
                        Ok(reply) => format!("{} {}", reply.status, reply.body),
                        Err(error) => format!("{error:#}"),
                    });
                }
            }
        }
        Ok(share)
    }
}
