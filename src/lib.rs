//! Beeline: the real-time core of a delivery, courier or ride fleet in one binary.
//!
//! Modules in reading order. ARCHITECTURE.md tells the life of a fix and of an order through them;
//! `tests/tidy.rs` holds who may import whom.

pub mod clock;
pub mod limits;
pub mod tiles;

pub mod domain;
pub mod protocol;

pub mod store;

pub mod actors;

pub mod http;

pub mod cli;
pub mod config;
pub mod node;
pub mod telemetry;

pub mod evaluate;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod simulate;
