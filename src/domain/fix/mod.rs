//! Fixes: what a device reports, and the gate that decides what becomes of each.
//!
//! The gate never looks at a clock; the caller hands in `now`. A bad fix is refused or kept with a flag; neither moves the marker.

use crate::domain::geo::Position;
use crate::domain::ids::OrderId;
use crate::domain::time::Millis;
use std::collections::VecDeque;

/// A fix further ahead of our clock than this is refused.
const AHEAD_MAX_MS: i64 = 30_000;
/// A fix older than this is refused.
const AGE_MAX_MS: i64 = 24 * 60 * 60 * 1_000;
/// The newest of a batch goes live only below this age.
const BATCH_LIVE_AGE_MS: i64 = 30_000;
/// Speed between two fixes above which the later one is a teleport, in metres per second.
const TELEPORT_M_PER_S: f64 = 70.0;
/// Shortest time over which that speed is judged, in seconds: two fixes a blink apart prove nothing about speed.
const TELEPORT_SPAN_S: f64 = 2.0;
/// Accuracy above which a fix is flagged, in metres.
const INACCURATE_M: f64 = 100.0;
/// Fixes that must follow at a new place, each plausible after the one before, until the driver is believed to be there.
const BELIEVED_AFTER: u8 = 5;
/// Timestamps remembered to tell fixes without `seq` apart.
const REMEMBERED_TIMES: usize = 512;

/// One reading of a device, its fields already in range.
#[derive(Debug, Clone, PartialEq)]
pub struct Fix {
    /// Where.
    pub position: Position,
    /// When the device took it.
    pub timestamp: Millis,
    /// The device's counter, growing over the driver's life.
    pub seq: Option<i64>,
    /// Metres per second.
    pub speed: Option<f64>,
    /// Degrees clockwise from north, 0 to below 360.
    pub heading: Option<f64>,
    /// Radius in metres.
    pub accuracy: Option<f64>,
    /// Metres above the ellipsoid.
    pub altitude: Option<f64>,
    /// The order the device believes it is working on.
    pub order_id: Option<OrderId>,
    /// Charge as the device gives it, usually percent.
    pub battery: Option<f64>,
    /// Signal strength as the device gives it, usually dBm.
    pub signal: Option<f64>,
}

/// Why a fix is refused: it is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Coordinates that are not on Earth.
    OutOfRange,
    /// Not a fix at all.
    Malformed,
    /// Over 30 s ahead of the server, or over 24 h old.
    BadTime,
    /// Its `seq`, or without one its timestamp, was seen before.
    Duplicate,
}

/// Why a stored fix never moves the marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// Older than the newest one.
    Late,
    /// Faster than any vehicle here, beyond both accuracies.
    Teleport,
    /// Accuracy over 100 m.
    Inaccurate,
    /// Exactly (0,0), what a device says that knows nothing.
    NullIsland,
}

impl Refusal {
    /// Every refusal.
    pub const ALL: [Refusal; 4] = [Self::OutOfRange, Self::Malformed, Self::BadTime, Self::Duplicate];

    /// The code on the wire.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::OutOfRange => "out_of_range",
            Self::Malformed => "malformed",
            Self::BadTime => "bad_time",
            Self::Duplicate => "duplicate",
        }
    }
}

impl Flag {
    /// Every flag.
    pub const ALL: [Flag; 4] = [Self::Late, Self::Teleport, Self::Inaccurate, Self::NullIsland];

    /// The code on the wire and in the store.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Teleport => "teleport",
            Self::Inaccurate => "inaccurate",
            Self::NullIsland => "null_island",
        }
    }

    /// Reads the code back from the store.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flag| flag.code() == code)
    }
}

/// What becomes of a fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not stored; the sender is told.
    Refused(Refusal),
    /// Stored, never live.
    Flagged(Flag),
    /// Stored; a candidate for the live position when `live`.
    Accepted {
        /// Fresh enough to be shown.
        live: bool,
    },
}

/// A fix as part of a track: all that plausibility needs.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Waypoint {
    position: Position,
    timestamp: Millis,
    accuracy_m: f64,
}

impl Waypoint {
    fn of(fix: &Fix) -> Self {
        Self { position: fix.position, timestamp: fix.timestamp, accuracy_m: fix.accuracy.unwrap_or(0.0) }
    }

    /// Whether a vehicle can have come from here to `next`.
    fn leads_to(&self, next: &Waypoint) -> bool {
        #[allow(clippy::cast_precision_loss)]
        let seconds = (next.timestamp.since(self.timestamp).abs() as f64 / 1_000.0).max(TELEPORT_SPAN_S);
        let beyond_m = self.position.distance_m(next.position) - self.accuracy_m - next.accuracy_m;
        beyond_m <= TELEPORT_M_PER_S * seconds
    }
}

/// A place the driver seems to have jumped to, and how many fixes have confirmed it.
#[derive(Debug, Clone, Copy)]
struct Suspect {
    latest: Waypoint,
    confirmations: u8,
}

/// One driver's memory of what was reported, enough to judge the next fix.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    last_seq: Option<i64>,
    newest: Option<Waypoint>,
    suspect: Option<Suspect>,
    times: VecDeque<Millis>,
}

impl Gate {
    /// A gate that goes on where the stored track ended.
    #[must_use]
    pub fn resume(last_seq: Option<i64>, newest: Option<&Fix>) -> Self {
        Self {
            last_seq,
            newest: newest.map(Waypoint::of),
            suspect: None,
            times: newest.map(|fix| fix.timestamp).into_iter().collect(),
        }
    }

    /// The highest `seq` judged so far.
    #[must_use]
    pub fn last_seq(&self) -> Option<i64> {
        self.last_seq
    }

    /// Judges one fix. `batched` fixes go live only when under 30 s old; `gone_ms` is the age at which a position is not shown any more (0: never).
    pub fn judge(&mut self, fix: &Fix, now: Millis, batched: bool, gone_ms: i64) -> Verdict {
        if let Some(refusal) = self.refusal(fix, now) {
            return Verdict::Refused(refusal);
        }
        self.remember(fix);
        if let Some(flag) = self.flag(fix) {
            return Verdict::Flagged(flag);
        }
        if self.newest.is_some_and(|newest| newest.timestamp == fix.timestamp) {
            // Of two fixes of one moment the first is shown.
            return Verdict::Accepted { live: false };
        }
        self.newest = Some(Waypoint::of(fix));
        self.suspect = None;
        let age_ms = now.since(fix.timestamp);
        let too_old = if batched { age_ms >= BATCH_LIVE_AGE_MS } else { gone_ms > 0 && age_ms >= gone_ms };
        Verdict::Accepted { live: !too_old }
    }

    fn refusal(&self, fix: &Fix, now: Millis) -> Option<Refusal> {
        let seen = match fix.seq {
            Some(seq) => self.last_seq.is_some_and(|last| seq <= last),
            None => self.times.contains(&fix.timestamp),
        };
        if seen {
            return Some(Refusal::Duplicate);
        }
        let age_ms = now.since(fix.timestamp);
        (!(-AHEAD_MAX_MS..=AGE_MAX_MS).contains(&age_ms)).then_some(Refusal::BadTime)
    }

    fn remember(&mut self, fix: &Fix) {
        if fix.seq.is_some() {
            self.last_seq = fix.seq;
            return;
        }
        if self.times.len() == REMEMBERED_TIMES {
            self.times.pop_front();
        }
        self.times.push_back(fix.timestamp);
    }

    fn flag(&mut self, fix: &Fix) -> Option<Flag> {
        if fix.position.latitude() == 0.0 && fix.position.longitude() == 0.0 {
            return Some(Flag::NullIsland);
        }
        if fix.accuracy.is_some_and(|metres| metres > INACCURATE_M) {
            return Some(Flag::Inaccurate);
        }
        let newest = self.newest?;
        if fix.timestamp < newest.timestamp {
            return Some(Flag::Late);
        }
        let here = Waypoint::of(fix);
        if newest.leads_to(&here) || self.believes(here) { None } else { Some(Flag::Teleport) }
    }

    /// Counts `here` towards a jump that may be real after all; true once enough plausible fixes have followed it.
    fn believes(&mut self, here: Waypoint) -> bool {
        let follows = |suspect: &Suspect| suspect.latest.timestamp < here.timestamp && suspect.latest.leads_to(&here);
        let confirmations = match &self.suspect {
            Some(suspect) if follows(suspect) => suspect.confirmations + 1,
            _ => 0,
        };
        self.suspect = Some(Suspect { latest: here, confirmations });
        confirmations >= BELIEVED_AFTER
    }
}

/// A token bucket: one token each `interval_ms`, at most `burst` saved up.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    /// The moment at which the bucket was, or will be, empty (GCRA's theoretical arrival time).
    empty_at: Millis,
}

impl Bucket {
    /// A full bucket.
    #[must_use]
    pub fn full() -> Self {
        Self { empty_at: Millis(i64::MIN / 2) }
    }

    /// Takes a token if one is there; otherwise says when the next one is due. An interval of 0 has no limit.
    pub fn take(&mut self, now: Millis, interval_ms: i64, burst: u32) -> Result<(), Millis> {
        if interval_ms <= 0 {
            return Ok(());
        }
        let tolerance_ms = interval_ms * i64::from(burst.max(1) - 1);
        let from = self.empty_at.max(now);
        let due = from - tolerance_ms;
        if due > now {
            return Err(due);
        }
        self.empty_at = from + interval_ms;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
