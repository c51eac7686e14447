//! Rules that can be broken on purpose, one at a time, to see that the checkers notice. Off in every run that is to hold.

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// The store lets a driver have several active assignments.
    NoUniqueIndex,
    /// The store writes an order whatever version it was computed from.
    NoOrderVersionTest,
    /// The store takes a driver whatever version that was decided on.
    NoDriverVersionTest,
    /// The store lets an order be offered to several drivers at a time.
    ManyOffersAnOrder,
    /// The store lets a driver have several open offers.
    ManyOffersADriver,
    /// The store says that a commit is stored and forgets it, now and then.
    LostCommits,
    /// The store does not remember idempotency keys.
    ForgottenKeys,
    /// The store says that the answer to a key is kept and forgets it.
    LostAnswers,
    /// The store leaves out what goes to other systems, now and then.
    ForgottenEvents,
    /// The store keeps the dead letter of an order that is parked no more.
    KeptLetters,
    /// The store loses the audit row of what was done by hand.
    NoAudit,
    /// The desk lets a driver pick up what they have not arrived at.
    SkippedSteps,
    /// An order's cache passes on an event though the one before it is missing.
    NoGapTest,
    /// Nodes never compare what they know with the store.
    NoSweep,
    /// A cell's book does not hear who has refused.
    DeafCells,
    /// An accept is not looked up when it is repeated.
    ForgottenAnswers,
}
