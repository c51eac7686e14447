#!/usr/bin/env bash
# fuzz/run.sh TARGET SECONDS: libFuzzer on stable Rust, with coverage but without sanitizers. New inputs stay beside the build.
set -euo pipefail
cd "$(dirname "$0")"
target=$1 seconds=$2
triple=$(rustc -vV | sed -n 's/^host: //p')
# With a --target the flags reach the program and its libraries, but no build script.
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
cargo build --release --locked --target "$triple" --bin "$target"
built=${CARGO_TARGET_DIR:-target}
found=$built/found/$target
mkdir -p "$found"
exec "$built/$triple/release/$target" "$found" "corpus/$target" -max_total_time="$seconds" -max_len=4096 -artifact_prefix="$found-"
