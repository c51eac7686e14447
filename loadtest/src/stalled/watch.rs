//! Looks at the server from outside twice a second: memory, descriptors, and what the kernel holds for some clients.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;

use super::stage::{Span, Stage};
use crate::host;
use crate::sendq::{self, Held};

/// Between two looks.
const EVERY: Duration = Duration::from_millis(500);

/// One look.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Sample {
    /// Since the start of the run.
    pub at_us: u64,
    /// Resident memory of the server.
    pub resident_kib: u64,
    /// Its open descriptors.
    pub descriptors: usize,
    /// Watched connections that it or the kernel still holds something for.
    pub open: usize,
    /// Those that have something waiting for them.
    pub waiting: usize,
    /// Bytes written to those and not acknowledged, all together.
    pub queued_bytes: u64,
    /// The most of one of them.
    pub queued_bytes_max: u32,
    /// Kernel memory of what is queued for them, all together.
    pub kernel_bytes: u64,
}

/// What is looked at.
pub struct Watch {
    pid: u32,
    port: u16,
    /// The clients' ends of the connections that are watched.
    pub peers: HashSet<SocketAddr>,
    /// Every look so far.
    pub samples: Vec<Sample>,
}

impl Watch {
    /// Nothing seen yet, and no connection watched.
    pub fn new(stage: &Stage) -> anyhow::Result<Self> {
        let pid = stage.server.pid.context("memory needs the server's process: --pid")?;
        Ok(Self { pid, port: stage.server.dest.addr.port(), peers: HashSet::new(), samples: Vec::new() })
    }

    /// Looks now.
    pub fn look(&mut self, stage: &Stage) -> anyhow::Result<Sample> {
        let ours = |held: &Held| self.peers.contains(&held.peer) && held.is_held();
        let ours: Vec<_> = sendq::held(self.port)?.into_iter().filter(ours).collect();
        let sample = Sample {
            at_us: stage.now_us(),
            resident_kib: host::resident_kib(self.pid)?,
            descriptors: host::descriptors(self.pid)?,
            open: ours.len(),
            waiting: ours.iter().filter(|held| held.queued_bytes > 0).count(),
            queued_bytes: ours.iter().map(|held| u64::from(held.queued_bytes)).sum(),
            queued_bytes_max: ours.iter().map(|held| held.queued_bytes).max().unwrap_or(0),
            kernel_bytes: ours.iter().map(|held| u64::from(held.memory_bytes)).sum(),
        };
        self.samples.push(sample);
        Ok(sample)
    }

    /// Looks again and again for `length`, or until `enough` says so of a look; returns when that was.
    pub fn span(
        &mut self,
        stage: &Stage,
        length: Duration,
        mut enough: impl FnMut(&Sample) -> bool,
    ) -> anyhow::Result<Span> {
        let (from_us, cpu_before_ns) = (stage.now_us(), host::cpu_ns(self.pid)?);
        let end_us = from_us + length.as_micros() as u64;
        let mut next_us = from_us;
        loop {
            next_us = (next_us + EVERY.as_micros() as u64).min(end_us);
            stage.wait_until(next_us);
            let sample = self.look(stage)?;
            if next_us >= end_us || enough(&sample) {
                // A thread of the server that ended meanwhile took its share with it.
                let (to_us, cpu_ns) = (sample.at_us, host::cpu_ns(self.pid)?.saturating_sub(cpu_before_ns));
                return Ok(Span { from_us, to_us, server_cores: cpu_ns as f64 / 1e3 / (to_us - from_us) as f64 });
            }
        }
    }

    /// At most `most` of the looks in a part of the run, evenly spread.
    pub fn some_within(&self, span: Span, most: usize) -> Vec<Sample> {
        let all: Vec<_> = self.within(span).copied().collect();
        all.iter().copied().step_by(all.len().div_ceil(most).max(1)).collect()
    }

    /// The looks in a part of the run.
    pub fn within(&self, span: Span) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |sample| (span.from_us..=span.to_us).contains(&sample.at_us))
    }
}
