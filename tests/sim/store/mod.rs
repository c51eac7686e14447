//! The store of the simulation: the promises of `beeline::store` kept in memory, and the way to it, on which things go wrong.

pub mod client;
pub mod commits;
pub mod keys;
pub mod model;
pub mod offers;
