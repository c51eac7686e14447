//! A circuit breaker before the store: when it has not answered several calls in a row, the next are refused at once instead of
//! being held for the whole deadline each.
//!
//! It counts silence only. A store that refuses, or finds nothing, answers. After a pause one call at a time is let through, and
//! whatever the store says to it lets everybody in again.

use super::StoreError;
use super::StoreResult;
use parking_lot::Mutex;
use std::time::Duration;
use std::time::Instant;

/// Calls in a row without an answer after which no more are tried.
const SILENCES_MAX: u32 = 5;
/// Time between two calls that are let through while nobody answers.
const PAUSE: Duration = Duration::from_secs(5);

/// Whether calls are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CircuitState {
    /// All are.
    Closed,
    /// None is.
    Open,
    /// The next one is, to see whether the store answers again.
    HalfOpen,
}

impl CircuitState {
    /// As it is shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// The rule alone: what is heard goes in with its moment, what may be tried comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Breaker {
    Closed { silences: u32 },
    Open { until: Instant },
}

impl Breaker {
    /// Whether a call may be tried now; else how long not.
    fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        match self {
            Self::Closed { .. } => Ok(()),
            Self::Open { until } if now >= *until => {
                // This one finds out; the others go on waiting.
                *until = now + PAUSE;
                Ok(())
            }
            Self::Open { until } => Err(*until - now),
        }
    }

    fn answered(&mut self) {
        *self = Self::Closed { silences: 0 };
    }

    /// Calls begun before the circuit opened end here too, one by one: they say nothing new.
    fn timed_out(&mut self, now: Instant) {
        if let Self::Closed { silences } = self {
            *silences += 1;
            if *silences >= SILENCES_MAX {
                *self = Self::Open { until: now + PAUSE };
            }
        }
    }

    fn state(&self, now: Instant) -> CircuitState {
        match self {
            Self::Closed { .. } => CircuitState::Closed,
            Self::Open { until } if now >= *until => CircuitState::HalfOpen,
            Self::Open { .. } => CircuitState::Open,
        }
    }
}

/// A breaker shared by all callers of one kind.
#[derive(Debug)]
pub struct Circuit(Mutex<Breaker>);

impl Default for Circuit {
    fn default() -> Self {
        Self(Mutex::new(Breaker::Closed { silences: 0 }))
    }
}

impl Circuit {
    /// Lets a call through, or says [`StoreError::Away`].
    pub fn admit(&self) -> StoreResult<()> {
        let refused = |wait: Duration| StoreError::Away {
            retry_after_s: u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX).max(1),
        };
        self.0.lock().admit(Instant::now()).map_err(refused)
    }

    /// The store has answered a call, whatever it said.
    pub fn answered(&self) {
        self.0.lock().answered();
    }

    /// A call has waited for its whole deadline.
    pub fn timed_out(&self) {
        self.0.lock().timed_out(Instant::now());
    }

    /// A health check was answered. It is smaller than the calls that found no answer, so it lets them in again only when
    /// one of them would be tried anyway.
    pub fn looked_well(&self) {
        let mut breaker = self.0.lock();
        if breaker.state(Instant::now()) == CircuitState::HalfOpen {
            breaker.answered();
        }
    }

    /// How it stands.
    #[must_use]
    pub fn state(&self) -> CircuitState {
        self.0.lock().state(Instant::now())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn silent_for(calls: u32, now: Instant) -> Breaker {
        let mut breaker = Breaker::Closed { silences: 0 };
        for _ in 0..calls {
            breaker.admit(now).unwrap();
            breaker.timed_out(now);
        }
        breaker
    }

    #[test]
    fn only_silences_in_a_row_open_it() {
        let now = Instant::now();
        let mut breaker = silent_for(SILENCES_MAX - 1, now);
        assert_eq!((breaker.admit(now), breaker.state(now)), (Ok(()), CircuitState::Closed));
        breaker.answered();
        for _ in 1..SILENCES_MAX {
            breaker.timed_out(now);
        }
        assert_eq!(breaker.state(now), CircuitState::Closed, "an answer between them counts");
        breaker.timed_out(now);
        assert_eq!((breaker.admit(now), breaker.state(now)), (Err(PAUSE), CircuitState::Open));
    }

    #[test]
    fn after_the_pause_one_call_at_a_time_is_let_through() {
        let now = Instant::now();
        let mut breaker = silent_for(SILENCES_MAX, now);
        let nearly = now + PAUSE - Duration::from_millis(1);
        assert_eq!(breaker.admit(nearly), Err(Duration::from_millis(1)));
        let due = now + PAUSE;
        assert_eq!(breaker.state(due), CircuitState::HalfOpen);
        assert_eq!((breaker.admit(due), breaker.admit(due)), (Ok(()), Err(PAUSE)), "one, not two");
        // It hears nothing, or its caller has gone: the next one is tried a pause later all the same.
        breaker.timed_out(due);
        assert_eq!(breaker.admit(due + PAUSE), Ok(()));
    }

    #[test]
    fn stragglers_do_not_keep_it_open() {
        let now = Instant::now();
        let mut breaker = silent_for(SILENCES_MAX, now);
        breaker.timed_out(now + PAUSE / 2);
        assert_eq!(breaker.admit(now + PAUSE), Ok(()));
    }

    #[test]
    fn any_answer_closes_it_and_counting_begins_anew() {
        let now = Instant::now();
        let mut breaker = silent_for(SILENCES_MAX, now);
        breaker.answered();
        assert_eq!(breaker, silent_for(0, now));
    }

    #[test]
    fn a_health_check_closes_it_only_when_a_call_would_be_tried() {
        let circuit = Circuit::default();
        for _ in 0..SILENCES_MAX {
            circuit.timed_out();
        }
        let Err(StoreError::Away { retry_after_s }) = circuit.admit() else { unreachable!("it is open") };
        assert_eq!(u64::from(retry_after_s), PAUSE.as_secs());
        circuit.looked_well();
        assert_eq!(circuit.state(), CircuitState::Open);
        *circuit.0.lock() = Breaker::Open { until: Instant::now() };
        circuit.looked_well();
        assert_eq!(circuit.state(), CircuitState::Closed);
    }
}
