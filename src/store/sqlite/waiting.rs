//! How callers wait for a store thread: with a deadline, and with a word to the circuit breaker.

use crate::limits::STORE_TIMEOUT_MS;
use crate::store::StoreError;
use crate::store::StoreResult;
use crate::store::circuit::Circuit;
use std::time::Duration;
use tokio::sync::oneshot;

/// Longest wait of any call but a health check.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_millis(STORE_TIMEOUT_MS);

/// What a call without an answer comes to: a write may have been made, a read may always be asked again.
pub(super) type Lost = fn(String) -> StoreError;

/// The store did not answer within the time.
pub(super) struct Silence(StoreError);

/// Waits for the answer to a call, and lets the circuit know whether one came.
pub(super) async fn heard<T>(
    answer: oneshot::Receiver<StoreResult<T>>,
    circuit: &Circuit,
    lost: Lost,
) -> StoreResult<T> {
    match within(CALL_TIMEOUT, answer, lost).await {
        Ok(result) => {
            circuit.answered();
            result
        }
        Err(Silence(error)) => {
            circuit.timed_out();
            Err(error)
        }
    }
}

pub(super) async fn within<T>(
    time: Duration,
    answer: oneshot::Receiver<StoreResult<T>>,
    lost: Lost,
) -> Result<StoreResult<T>, Silence> {
    match tokio::time::timeout(time, answer).await {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(_)) => Ok(Err(lost("the store's thread has died".to_owned()))),
        Err(_) => Err(Silence(lost("the store did not answer in time".to_owned()))),
    }
}

pub(super) fn silent<T>(silence: Silence) -> StoreResult<T> {
    Err(silence.0)
}
