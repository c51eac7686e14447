//! Frames of any bytes in any pieces, up to the messages of every door.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| beeline::fuzzing::frames(data));
