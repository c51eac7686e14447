//! The rules, pure: state machines and arithmetic without clock, I/O, actor or random source.

pub mod cell;
pub mod dispatch;
pub mod driver;
pub mod eta;
pub mod fix;
pub mod fleet;
pub mod geo;
pub mod ids;
pub mod ledger;
pub mod matching;
pub mod order;
pub mod revocation;
pub mod time;
