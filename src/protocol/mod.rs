//! The wire: the only JSON a client sees, with its problem codes and close codes.

pub mod close;
pub mod problem;
pub mod time;
