//! (to be written)

pub mod outbox;
