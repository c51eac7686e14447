//! What goes wrong in a run: named options, drawn from its seed, so that every seed has a mix of its own and a failure says which.

use crate::rng::Rng;

/// Probabilities are per message, write or decision.
#[derive(Debug, Clone)]
pub struct Faults {
    /// A message between two parties never arrives.
    pub message_lost: f64,
    /// It arrives twice.
    pub message_twice: f64,
    /// Longest way of a message, in milliseconds: those that leave together arrive in any order.
    pub message_ms: i64,
    /// A hint within a node finds a full mailbox.
    pub hint_lost: f64,
    /// The store takes nothing and says so.
    pub store_aborts: f64,
    /// The store does not say whether it took the write: it did, it did not, or it will in a moment.
    pub store_unsure: f64,
    /// Longest way to the store, in milliseconds.
    pub store_ms: i64,
    /// The node dies between a commit and its hints.
    pub crash_at_commit: f64,
    /// Nodes that die at any moment.
    pub crashes: usize,
    /// Times at which the nodes do not hear each other.
    pub partitions: usize,
    /// Both nodes believe that every cell is theirs, all the time.
    pub cells_shared: bool,
    /// A watcher's connection breaks at a frame.
    pub stream_cut: f64,
    /// A driver says no.
    pub declined: f64,
    /// A driver says nothing.
    pub ignored: f64,
    /// A driver hands an order back.
    pub handed_back: f64,
    /// A driver is not heard of for long, or ever again.
    pub silent: f64,
    /// A driver turns away from offers for a while.
    pub paused: f64,
    /// A client sends its command a second time though it was answered.
    pub repeated: f64,
    /// A customer calls the order off.
    pub cancelled: f64,
    /// A card is refused.
    pub unpaid: f64,
    /// An operator meddles every few seconds.
    pub meddling: bool,
    /// Only so many drivers near the orders: the rest is out of reach.
    pub far_away: f64,
}

impl Faults {
    /// The mix of a seed.
    pub fn draw(rng: &Rng) -> Self {
        let level = |most: f64| if rng.chance(0.5) { rng.unit() * most } else { 0.0 };
        Self {
            message_lost: level(0.3),
            message_twice: level(0.3),
            message_ms: if rng.chance(0.5) { rng.between(10, 200) } else { rng.between(200, 8_000) },
            hint_lost: level(0.5),
            store_aborts: level(0.1),
            store_unsure: level(0.1),
            store_ms: if rng.chance(0.6) { rng.between(1, 20) } else { rng.between(20, 1_500) },
            crash_at_commit: level(0.1),
            crashes: if rng.chance(0.5) { rng.below(5) } else { 0 },
            partitions: if rng.chance(0.5) { rng.below(4) } else { 0 },
            cells_shared: rng.chance(0.3),
            stream_cut: level(0.2),
            declined: level(0.6),
            ignored: level(0.4),
            handed_back: level(0.4),
            silent: level(0.2),
            paused: level(0.2),
            repeated: level(0.5),
            cancelled: level(0.5),
            unpaid: level(0.2),
            meddling: rng.chance(0.5),
            far_away: level(0.7),
        }
    }

    /// What is left when all is well: messages take their time, and drivers their choice.
    pub fn calm(&self) -> Self {
        Self {
            message_lost: 0.0,
            message_twice: 0.0,
            message_ms: 100,
            hint_lost: 0.0,
            store_aborts: 0.0,
            store_unsure: 0.0,
            store_ms: 5,
            crash_at_commit: 0.0,
            crashes: 0,
            partitions: 0,
            stream_cut: 0.0,
            silent: 0.0,
            paused: 0.0,
            repeated: 0.0,
            cancelled: 0.0,
            meddling: false,
            declined: self.declined * 0.5,
            ignored: self.ignored * 0.5,
            handed_back: 0.0,
            ..self.clone()
        }
    }
}
