//! What became of the spoilt frames, counted.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What became of one try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Something was said before the next good message was answered.
    Answered,
    /// Nothing was said; the next good message was answered.
    Ignored,
    /// Half a frame: the server waits for the rest.
    Held,
    /// Closed with this code.
    Closed(u16),
}

/// Counts by outcome.
#[derive(Debug, Default)]
pub struct Tally {
    pub by_outcome: BTreeMap<Outcome, u64>,
    /// Half frames left lying until the server closed.
    pub left_lying: u64,
    pub connections: u64,
    pub bytes: u64,
    /// The longest wait for an answer or a close.
    pub slowest: Duration,
}

impl Tally {
    pub fn note(&mut self, outcome: Outcome) {
        *self.by_outcome.entry(outcome).or_default() += 1;
    }

    pub fn tries(&self) -> u64 {
        self.by_outcome.values().sum()
    }

    pub fn add(&mut self, other: &Tally) {
        for (outcome, count) in &other.by_outcome {
            *self.by_outcome.entry(*outcome).or_default() += count;
        }
        self.left_lying += other.left_lying;
        self.connections += other.connections;
        self.bytes += other.bytes;
        self.slowest = self.slowest.max(other.slowest);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (outcome, count) in &self.by_outcome {
            write!(f, "{outcome:?} {count}, ")?;
        }
        write!(f, "{} left lying until given up, ", self.left_lying)?;
        write!(f, "{} connections, {} bytes, slowest answer {:.1?}", self.connections, self.bytes, self.slowest)
    }
}
