//! Fixes: whatever text a device sends, no position that is not on Earth gets past the reader, and nothing implausible
//! past the gate.

use crate::domain::fix::Fix;
use crate::domain::fix::Gate;
use crate::domain::fix::Verdict;
use crate::domain::time::Millis;
use crate::protocol::fix;

const NOW: Millis = Millis(1_800_000_000_000);
const GONE_MS: i64 = 300_000;
const SEQ_MAX: i64 = 1 << 53;
const AHEAD_MAX_MS: i64 = 30_000;
const AGE_MAX_MS: i64 = 24 * 60 * 60 * 1_000;

/// Each line is one fix of the same driver, one second after the one before; every other one counts as part of a batch.
pub fn fixes(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut gate = Gate::default();
    for (line, at_s) in text.lines().zip(0..) {
        let now = NOW + at_s * 1_000;
        let Ok(fix) = fix::read(line, now) else { continue };
        check_fields(&fix);
        judge(&mut gate, &fix, now, at_s % 2 == 1);
    }
}

fn check_fields(fix: &Fix) {
    let (latitude, longitude) = (fix.position.latitude(), fix.position.longitude());
    assert!(latitude.abs() <= 90.0 && longitude.abs() <= 180.0, "{fix:?}");
    for known in [fix.speed, fix.accuracy, fix.battery].into_iter().flatten() {
        assert!(known.is_finite() && known >= 0.0, "{fix:?}");
    }
    for known in [fix.altitude, fix.signal].into_iter().flatten() {
        assert!(known.is_finite(), "{fix:?}");
    }
    assert!(fix.heading.is_none_or(|degrees| (0.0..360.0).contains(&degrees)), "{fix:?}");
    assert!(fix.seq.is_none_or(|seq| (0..=SEQ_MAX).contains(&seq)), "{fix:?}");
}

fn judge(gate: &mut Gate, fix: &Fix, now: Millis, batched: bool) {
    let last_seq = gate.last_seq();
    let verdict = gate.judge(fix, now, batched, GONE_MS);
    if matches!(verdict, Verdict::Refused(_)) {
        assert_eq!(gate.last_seq(), last_seq, "a refused fix counts for nothing: {fix:?}");
        return;
    }
    assert!(fix.seq.is_none() || fix.seq > last_seq, "{fix:?} after {last_seq:?}");
    let age_ms = now.since(fix.timestamp);
    assert!((-AHEAD_MAX_MS..=AGE_MAX_MS).contains(&age_ms), "{fix:?} is {age_ms} ms old");
    if verdict == (Verdict::Accepted { live: true }) {
        let is_nowhere = fix.position.latitude() == 0.0 && fix.position.longitude() == 0.0;
        assert!(!is_nowhere && fix.accuracy.is_none_or(|metres| metres <= 100.0) && age_ms < GONE_MS, "{fix:?}");
    }
}
