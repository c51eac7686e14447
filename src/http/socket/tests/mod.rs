//! Every rail, through real sockets: a server on port 0 in this process, and clients that may do what no library
//! would let them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod caps;
mod client;
mod conformance;
mod cut;
mod drain;
mod facts;
mod floods;
mod frames;
mod handshake;
mod plain;
mod scanning;
mod secure;
mod server;
mod sessions;
mod slow;
mod watched;
