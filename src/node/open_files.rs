//! How many connections a node takes, so that it never runs out of open files: each connection is one, and a process that
//! has none left can neither accept nor write its store.
//!
//! At the bound the listener pauses; whoever connects then waits in the kernel's queue until somebody leaves.

use crate::limits::OPEN_FILES_RESERVE;
use rustix::process::Resource;
use rustix::process::getrlimit;

/// Where the system sets no limit.
const CONNECTIONS_MAX: u64 = 1_000_000;

/// Connections each of so many workers may have, by the limit that this process runs under (`ulimit -n`).
pub(super) fn connections_per_worker(workers: usize) -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    let per_worker = share(limit, workers);
    tracing::info!(open_files = limit, connections = per_worker.saturating_mul(workers), "connections are bounded");
    per_worker
}

/// An even share of the open files that are not kept free, at least one.
fn share(limit: Option<u64>, workers: usize) -> usize {
    let free = limit.unwrap_or(CONNECTIONS_MAX).min(CONNECTIONS_MAX).saturating_sub(OPEN_FILES_RESERVE);
    let free = usize::try_from(free).unwrap_or(usize::MAX);
    (free / workers.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_connections_together_leave_the_reserve_free() {
        for (limit, workers, expected) in [
            (Some(1_024), 2, 448),
            (Some(20_000), 2, 9_936),
            (Some(64), 2, 1),
            (None, 1, 999_872),
            (Some(u64::MAX), 1, 999_872),
        ] {
            assert_eq!(share(limit, workers), expected, "{limit:?}");
        }
    }
}
