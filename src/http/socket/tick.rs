//! A cheap clock for the sockets of one thread: read by every frame, moved by the warden's sweep.

use std::cell::Cell;
use std::sync::LazyLock;
use std::time::Duration;
use std::time::Instant;

/// A moment in milliseconds since the first use in this process. Good to one sweep (20 ms) when the thread is not
/// busy; it lags when it is, so what hangs on it comes late, never early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Tick(u64);

static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

thread_local! {
    static NOW: Cell<Tick> = const { Cell::new(Tick(0)) };
}

impl Tick {
    /// The time from `earlier` to this moment; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Tick) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// The moment `later` after this one.
    #[must_use]
    pub fn after(self, later: Duration) -> Tick {
        Tick(self.0.saturating_add(u64::try_from(later.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// The thread's current moment.
#[must_use]
pub fn tick() -> Tick {
    let cached = NOW.get();
    if cached == Tick::default() { advance() } else { cached }
}

/// Moves the thread's clock to now.
pub(super) fn advance() -> Tick {
    let elapsed = u64::try_from(EPOCH.elapsed().as_millis()).unwrap_or(u64::MAX);
    // One is added so that zero can mean "not yet read".
    let now = Tick(elapsed.saturating_add(1));
    NOW.set(now);
    now
}
