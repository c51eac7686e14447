//! The simulation: a small cluster with all who use it, in one thread and a time of its own, thousands of histories in a minute.
//!
//! Real are the rules: `domain::dispatch` (commands, book), `domain::matching` and `domain::order`. In miniature, and written so that everything can go
//! wrong between any two steps, are the store, the actors, the network and the people. A seed draws its own faults ([`faults`]), the
//! checkers ([`check`]) judge its history, and a failing seed replays to the letter:
//! `BEELINE_SIM_SEED=7 cargo test --test sim replay -- --nocapture`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod caught;
mod check;
mod desk;
mod differential;
mod exec;
mod faults;
mod history;
mod net;
mod node;
mod people;
mod protocol;
mod reach;
mod rng;
mod run;
mod seeds;
mod sim;
mod store;
mod stream;
mod switches;
mod trace;
