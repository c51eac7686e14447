//! The demo city: simulated drivers, kitchens and customers on the real streets of Florence.
//!
//! They speak only the public contract, over HTTP and WebSockets, to any node. This module knows nothing of the server's insides.

mod city;
mod courier;
mod dice;
mod motion;
pub(crate) mod mvt;
mod names;
mod noise;
mod plan;
mod plane;
mod streets;
mod wire;
