//! (to be written)

pub mod socket;
