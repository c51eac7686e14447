//! The demo city: simulated drivers, kitchens and customers on the real streets of Florence.
//!
//! They speak only the public contract, over HTTP and WebSockets, to any node. This module knows nothing of the server's insides; from the
//! rest of the program it uses the bundled map (`tiles`) and the wire's way to write times.
//!
//! In reading order: `city` (streets and restaurants from the map), `plan` (who and what, from a seed), `courier` with `motion` and `noise`
//! (a driver without a network), `line` (a socket that is kept up), `driver`, `customer` with `watch` (which checks what the server
//! promises), `ledger` (what became of every order), `town` (all of it on one node), `run` and `compare`.

mod api;
mod backoff;
mod city;
mod clock;
mod commands;
mod compare;
mod courier;
mod customer;
mod dice;
mod driver;
mod fixes;
mod histogram;
mod ledger;
mod line;
mod motion;
pub(crate) mod mvt;
mod names;
mod noise;
mod plan;
mod plane;
mod run;
mod streets;
mod summary;
mod tally;
mod token;
mod town;
mod ui;
mod watch;
mod wire;

pub use compare::Side;
pub use compare::compare;
pub use run::SimulateOptions;
pub use run::run;
pub use summary::FixCounts;
pub use summary::OfferCounts;
pub use summary::OrderCounts;
pub use summary::Summary;
pub use summary::Times;
pub use ui::print_summary;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
