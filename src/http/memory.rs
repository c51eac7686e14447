//! How much memory the process holds, and whether that is so much that no socket is let in any more.
//!
//! What is open goes on: refusing newcomers is what is left to do when the alternative is to be killed with everybody.
//! On a system without `/proc` nothing is known, and the limit is off.

use crate::limits::MEMORY_LOOK_MS;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

const STATM: &str = "/proc/self/statm";

/// The limit, and how things stood when last looked at.
#[derive(Debug, Default)]
pub struct Memory {
    high_bytes: Option<u64>,
    resident_bytes: AtomicU64,
    is_high: AtomicBool,
}

impl Memory {
    /// A limit in resident bytes; `None` is no limit.
    #[must_use]
    pub fn new(high_bytes: Option<u64>) -> Self {
        Self { high_bytes, ..Self::default() }
    }

    /// Looks again and again, for as long as the process runs. Returns at once where there is no limit, or nothing to
    /// look at.
    pub async fn watch(self: Arc<Self>) {
        let Some(high_bytes) = self.high_bytes else { return };
        if resident_bytes().is_none() {
            tracing::warn!(
                high_bytes,
                "BEELINE_MEMORY_HIGH is off: this system does not say how much memory a process holds"
            );
            return;
        }
        let mut looks = tokio::time::interval(Duration::from_millis(MEMORY_LOOK_MS));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            if let Some(resident_bytes) = resident_bytes() {
                self.observe(resident_bytes);
            }
        }
    }

    /// Notes what is held now. It is high above the limit, and no more once it is a sixteenth below it: at the limit
    /// itself it would be one and the other many times a second.
    pub fn observe(&self, resident_bytes: u64) {
        self.resident_bytes.store(resident_bytes, Ordering::Relaxed);
        let Some(high_bytes) = self.high_bytes else { return };
        let was_high = self.is_high();
        let is_high =
            if was_high { resident_bytes > high_bytes - high_bytes / 16 } else { resident_bytes > high_bytes };
        self.is_high.store(is_high, Ordering::Relaxed);
        match (was_high, is_high) {
            (false, true) => tracing::warn!(resident_bytes, high_bytes, "short of memory: no more sockets are let in"),
            (true, false) => tracing::info!(resident_bytes, high_bytes, "memory is well again: sockets are let in"),
            _ => {}
        }
    }

    /// Whether no more is to be let in.
    #[must_use]
    pub fn is_high(&self) -> bool {
        self.is_high.load(Ordering::Relaxed)
    }

    /// In words, while it is high.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        let (held, limit) = (self.resident_bytes.load(Ordering::Relaxed), self.high_bytes.filter(|_| self.is_high())?);
        Some(format!("{held} bytes are resident, over the limit of {limit}: no more sockets are let in"))
    }
}

/// Bytes of this process that are in memory; `None` where the system does not say.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    let pages = resident_pages(&std::fs::read_to_string(STATM).ok()?)?;
    pages.checked_mul(u64::try_from(rustix::param::page_size()).ok()?)
}

/// The second number of the line (proc(5)).
fn resident_pages(statm: &str) -> Option<u64> {
    statm.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_second_number_of_statm_is_what_is_resident() {
        assert_eq!(resident_pages("24110 3551 1931 2218 0 12403 0\n"), Some(3_551));
        assert_eq!(resident_pages(""), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_holds_what_it_fills() {
        const MORE: u64 = 64 << 20;
        let before = resident_bytes().unwrap();
        let filled = std::hint::black_box(vec![1_u8; usize::try_from(MORE).unwrap()]);
        let after = resident_bytes().unwrap();
        assert!(after >= before + MORE / 2, "{before} and then {after}");
        drop(filled);
    }

    #[test]
    fn high_begins_above_the_limit_and_ends_well_below_it() {
        let memory = Memory::new(Some(1_600));
        for (resident_bytes, is_high) in
            [(1_600, false), (1_601, true), (1_600, true), (1_501, true), (1_500, false), (1_600, false), (1_700, true)]
        {
            memory.observe(resident_bytes);
            assert_eq!(memory.is_high(), is_high, "{resident_bytes}");
            assert_eq!(memory.complaint().is_some(), is_high);
        }
    }

    #[test]
    fn without_a_limit_nothing_is_high() {
        let memory = Memory::new(None);
        memory.observe(u64::MAX);
        assert!(!memory.is_high() && memory.complaint().is_none());
    }
}
