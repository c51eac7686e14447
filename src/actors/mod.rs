//! (to be written)

pub mod outbox;

#[cfg(test)]
mod facts;
