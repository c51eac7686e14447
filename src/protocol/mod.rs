//! The wire: the only JSON a client sees, with its problem codes and close codes.

pub mod answer;
pub mod close;
pub mod driver;
pub mod feed;
pub mod fix;
pub mod identity;
pub mod inbound;
pub mod json;
pub mod order;
pub mod outbound;
pub mod problem;
pub mod quoted;
pub mod schema;
pub mod time;
