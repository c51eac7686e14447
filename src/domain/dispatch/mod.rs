//! Dispatch: how an open order comes to its driver, and what is written on the way. Pure, like everything in `domain`.
//!
//! `offer` and `commit` are the rows; `command` turns a wish (accept, decline, assign, release, a step) and what the store has loaded into one
//! [`Commit`] that is written whole or not at all; `published` is what other systems are told with it; `book` is a cell's list of
//! the orders that look for a driver; `backoff` says when a vain search goes on;
//! `progress` notices a driver who does not get nearer.

mod backoff;
mod book;
mod command;
mod commit;
mod offer;
mod progress;
mod published;

pub use backoff::pause_ms;
pub use book::Book;
pub use book::GivenUp;
pub use book::Rules;
pub use book::Want;
pub use command::Cause;
pub use command::Command;
pub use command::Refusal;
pub use commit::AssignmentChange;
pub use commit::AuditEntry;
pub use commit::Commit;
pub use commit::DeadLetter;
pub use commit::OfferChange;
pub use commit::OrderChange;
pub use commit::RecordChange;
pub use offer::Offer;
pub use offer::OfferOutcome;
pub use progress::Progress;
pub use published::Published;
pub use published::PublishedKind;

/// How drivers are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// All open orders and drivers of a tick together.
    Optimal,
    /// Each order its nearest free driver, for comparison.
    Nearest,
}
