//! Tokens of any text, and good ones changed.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| beeline::fuzzing::tokens(data));
