//! What people outside can rely on, told story by story against the real program: its own process, real sockets, a fresh data folder.
//!
//! Each story starts `beeline serve --dev` on a free port and speaks the public contract only. Nothing sleeps: whatever takes time is awaited with a
//! deadline, and silence is observed by reading until it has lasted long enough.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod commands;
mod compare;
mod contest;
mod cors;
mod dead_letters;
mod documents;
mod drain;
mod durability;
mod feeds;
mod fixes;
mod fixes_http;
mod identity;
mod lifecycle;
mod live;
mod lost;
mod not_built;
mod offers;
mod operations;
mod operator;
mod orders;
mod owners;
mod privacy;
mod problems;
mod profiles;
mod rate;
mod rates;
mod revocations;
mod secrets;
mod silence;
mod support;
mod tls;
