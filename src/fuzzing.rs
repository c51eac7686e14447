//! What must hold for any bytes at all, by whoever hands them in: the fuzz targets in `fuzz/`, and the tests here.
//!
//! Each body takes bytes, feeds them to the real code, and panics when a promise is broken. It says nothing about good
//! input; that is the work of the other tests. Compiled for tests and with the feature `fuzzing` only.
#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used)]

mod fixes;
mod frames;
mod tokens;

#[cfg(test)]
mod tests;

pub use fixes::fixes;
pub use frames::frames;
pub use tokens::tokens;
