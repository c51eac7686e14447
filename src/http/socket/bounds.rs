//! What one socket may send, and how long it may take over it.

use super::bucket::FrameRates;
use crate::limits::FRAGMENTS_MAX;
use std::time::Duration;

/// The bounds of one socket. Those of every socket of the contract come from [`Bounds::of_messages`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of one message, in however many fragments; one more closes the socket with 1009.
    pub message_max_bytes: usize,
    /// Fragments of one message; one more closes the socket with 1009.
    pub fragments_max: usize,
    /// How often frames may come; more closes the socket with 4429.
    pub rates: FrameRates,
    /// How long a frame or a message may stay incomplete, where that is not the time all sockets of the server have.
    pub half_frame: Option<Duration>,
}

impl Bounds {
    /// The bounds of a socket whose messages are of at most so many bytes.
    #[must_use]
    pub fn of_messages(message_max_bytes: usize) -> Self {
        Self { message_max_bytes, fragments_max: FRAGMENTS_MAX, rates: FrameRates::default(), half_frame: None }
    }
}
