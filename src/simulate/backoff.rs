//! When to connect again: what the contract's close codes ask of a client, and how long it waits.

use super::dice::Dice;
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(300);
const MAX: Duration = Duration::from_secs(8);
/// After being told that it talks too much, a client keeps quiet at least this long.
const TOO_MANY: Duration = Duration::from_secs(5);

/// How a connection, or the try for one, ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// A close frame.
    Closed { code: u16, reason: String },
    /// An HTTP answer instead of an upgrade.
    Refused { status: u16, retry_after: Option<Duration> },
    /// Reset, timed out, silent, or never reached.
    Lost,
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Connect again after this long.
    After(Duration),
    /// Stay away: somebody else is this person now, or the person may not come in.
    Never,
}

/// 300 ms, doubling to 8 s, each shortened by up to half at random so that a fleet does not come back as one.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { next: FIRST }
    }

    /// A connection worked: the next failure is a first one.
    pub(crate) fn reset(&mut self) {
        self.next = FIRST;
    }

    pub(crate) fn after(&mut self, ended: &Ended, dice: &mut Dice) -> Next {
        let wait = self.next.mul_f64(dice.between(0.5..1.0));
        self.next = (self.next * 2).min(MAX);
        match ended {
            Ended::Closed { code: 4403 | 4409, .. } | Ended::Refused { status: 403 | 404, .. } => Next::Never,
            Ended::Closed { code: 1012, reason } => Next::After(retry_ms(reason).unwrap_or(wait)),
            Ended::Closed { code: 4429, .. } => Next::After(wait.max(TOO_MANY)),
            Ended::Refused { retry_after: Some(told), .. } => Next::After((*told).min(MAX).max(wait)),
            // Everything else, an expired token among it: each connection brings a fresh one.
            _ => Next::After(wait),
        }
    }
}

/// `retry_ms=N` in the reason of a close.
fn retry_ms(reason: &str) -> Option<Duration> {
    let told = reason.split("retry_ms=").nth(1)?;
    let digits: String = told.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().map(Duration::from_millis)
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use super::*;

    fn closed(code: u16, reason: &str) -> Ended {
        Ended::Closed { code, reason: reason.to_owned() }
    }

    #[test]
    fn waits_double_to_eight_seconds_and_start_over() {
        let (mut backoff, mut dice) = (Backoff::new(), Dice::new(1, "backoff"));
        for full_ms in [300, 600, 1_200, 2_400, 4_800, 8_000, 8_000] {
            let Next::After(wait) = backoff.after(&Ended::Lost, &mut dice) else { panic!("stays away") };
            let full = Duration::from_millis(full_ms);
            assert!(wait >= full / 2 && wait <= full, "{wait:?} of {full:?}");
        }
        backoff.reset();
        assert!(matches!(backoff.after(&Ended::Lost, &mut dice), Next::After(wait) if wait <= FIRST));
    }

    #[test]
    fn close_codes_are_obeyed() {
        let mut dice = Dice::new(1, "codes");
        let mut after = |ended: &Ended| Backoff::new().after(ended, &mut dice);
        assert_eq!(after(&closed(4403, "")), Next::Never);
        assert_eq!(after(&closed(4409, "")), Next::Never);
        assert_eq!(after(&closed(1012, "retry_ms=4321")), Next::After(Duration::from_millis(4_321)));
        assert!(matches!(after(&closed(4429, "")), Next::After(wait) if wait >= TOO_MANY));
        assert!(matches!(after(&closed(4401, "")), Next::After(wait) if wait <= FIRST));
        let told = Ended::Refused { status: 503, retry_after: Some(Duration::from_secs(4)) };
        assert_eq!(after(&told), Next::After(Duration::from_secs(4)));
    }
}
