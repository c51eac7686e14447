//! The demo city: simulated drivers, kitchens and customers on the real streets of Florence.
//!
//! They speak only the public contract, over HTTP and WebSockets, to any node. This module knows nothing of the server's insides.

pub(crate) mod mvt;
mod plane;
mod streets;
