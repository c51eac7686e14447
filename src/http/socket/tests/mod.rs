//! Every rail, through real sockets: a server on port 0 in this process, and clients that may do what no library
//! would let them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod client;
mod cut;
mod drain;
mod facts;
mod frames;
mod handshake;
mod scanning;
mod server;
mod sessions;
mod slow;
mod watched;
