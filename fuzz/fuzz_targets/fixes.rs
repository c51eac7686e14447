//! Fixes of any text, through the reader and the gate.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| beeline::fuzzing::fixes(data));
