//! Attacks on the real program, and the answers they must get: its own process, real sockets, the public contract only.
//!
//! Each row of the list of attacks is one named test; beside them stand the proofs that need many tries: connections cut
//! anywhere, frames mutated at random, deliveries held against the store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod bare;
mod commands;
mod cuts;
mod deliveries;
mod evidence;
mod forge;
mod frames;
mod injection;
mod json;
mod limits;
mod line;
mod matrix;
mod mutations;
mod offers;
mod ownership;
mod positions;
mod proof;
mod readers;
mod room;
mod tokens;
mod upgrades;
mod wire;

#[allow(dead_code, unused_imports)]
#[path = "../stories/support/mod.rs"]
mod support;
