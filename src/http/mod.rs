//! HTTP and the WebSocket doors: the route table, one file a resource.
//!
//! Handlers check who asks, call the order functions or a read of the store, and answer; they hold no state of their own.

pub mod access;
pub mod address;
pub mod admin;
pub mod api;
pub mod auth;
pub mod context;
pub mod cors;
pub mod dead_letters;
pub mod dev;
pub mod documents;
mod doors;
pub mod drivers;
#[cfg(any(test, feature = "conformance"))]
mod echo;
pub mod feed;
mod fields;
pub mod gate;
pub mod headers;
pub mod json;
pub mod map;
pub mod memory;
pub mod ops;
pub mod orders;
pub mod pages;
mod placing;
pub mod problem;
pub mod profiles;
pub mod rates;
mod routes;
pub mod sessions;
pub mod socket;
pub mod tiles;
pub mod tls;
pub mod tracking;
mod upgrades;

pub use routes::metrics_route;
pub use routes::routes;
