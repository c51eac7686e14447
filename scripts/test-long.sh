#!/usr/bin/env bash
# What does not fit into `make test`: the properties over many more cases, the stories round after round, the measurements.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${STORY_ROUNDS:-10}

PROPTEST_CASES=${PROPTEST_CASES:-20000} cargo test --release --locked --lib -- domain:: protocol:: actors::live \
  fuzzing:: http::socket::tests::scanning
# The proofs by many tries, one after the other: each has the machine to itself.
BEELINE_CUTS=${BEELINE_CUTS:-10000} BEELINE_DELIVERIES=${BEELINE_DELIVERIES:-100000} \
  BEELINE_MUTATIONS=${BEELINE_MUTATIONS:-1000000} BEELINE_KEYS=${BEELINE_KEYS:-100000} RUST_TEST_THREADS=1 \
  cargo test --release --locked --test hostile -- --nocapture cuts:: deliveries:: mutations:: row_17_random_keys
# Seeds of the simulation; the store's model is held against the real one for as long.
BEELINE_SIM_SEEDS=${BEELINE_SIM_SEEDS:-100000} cargo test --release --locked --test sim -- --nocapture
# Races show in repetition, and more of them on a machine that is too busy.
for round in $(seq "$rounds"); do
  echo "== stories, round $round of $rounds"
  RUST_TEST_THREADS=8 cargo test --release --locked --test stories
done
cargo test --release --locked --lib -- --ignored --nocapture speed
# Dispatch on the public instances, where there are any; the figures land beside the build, not in docs.
cargo build --release --locked
scripts/mdrp.sh "${CARGO_TARGET_DIR:-target}/release/beeline" "${CARGO_TARGET_DIR:-target}"
