//! The actors: thin shells that feed events into the rules of `domain` and carry the effects out.
//!
//! Any of them may die at any moment; the `directory` makes a new one, which reloads from the store.

pub mod audience;
pub mod board;
pub mod cell;
pub mod demand;
pub mod desk;
pub mod directory;
pub mod driver;
pub mod engagements;
pub mod live;
pub mod mailbox;
pub mod order;
pub mod outbox;
pub mod payment;
pub mod recorder;
pub mod revocations;
pub mod steward;
pub mod watch;
pub mod world;

#[cfg(test)]
mod facts;
#[cfg(test)]
mod tests;
