#!/usr/bin/env bash
# Builds once, runs every suite even when one fails, and ends with the summary that each runner gave of itself.
set -uo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
logs=$target/test-logs
mkdir -p "$logs"
rm -f "$logs"/*.log
# Stories wait more than they compute.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-4}
failed=()

# suite NAME MINUTES COMMAND...: runs a suite within its time and what is left of 25 minutes, and keeps what it said.
suite() {
  local name=$1 limit_s=$(($2 * 60)) left_s=$((25 * 60 - SECONDS))
  shift 2
  echo "== $name"
  if ! timeout --kill-after=30s "$((limit_s < left_s ? limit_s : left_s))" "$@" 2>&1 | tee "$logs/$name.log"; then
    failed+=("$name")
  fi
}

has_pages=
if [ -f package.json ]; then
  has_pages=yes
  if ! { scripts/need.sh node nodejs && scripts/need.sh npm npm && scripts/need.sh chromium chromium && make --no-print-directory pages; }; then
    failed+=(set-up)
  fi
fi

suite build 16 cargo test --workspace --locked --no-run
if [ ${#failed[@]} -eq 0 ]; then
  suite cargo 8 cargo test --workspace --locked --no-fail-fast
  if [ -n "$has_pages" ]; then
    units=(tests/browser/unit/*.test.mjs)
    suite node 2 node --test "${units[@]}"
    suite browser 9 env BEELINE_BIN="$target/debug/beeline" node tests/browser/run.mjs
  fi
fi

echo
echo "== summary"
[ ! -f "$logs/cargo.log" ] || awk '
  /^ *(Running|Doc-tests) / { suite = $2 == "unittests" ? $3 : $2 }
  /^test result:/ { sub(/^test result: /, ""); print "cargo " suite ": " $0 }' "$logs/cargo.log"
[ ! -f "$logs/node.log" ] || awk '/^(#|ℹ) (tests|pass|fail) / { printf "%s%s %s", sep, $2, $3; sep = ", " } END { print "" }' "$logs/node.log" | sed 's/^/node: /'
[ ! -f "$logs/browser.log" ] || tail -n 1 "$logs/browser.log" | sed 's/^/browser: /'
if [ ${#failed[@]} -gt 0 ]; then
  echo "FAILED: ${failed[*]}"
  exit 1
fi
echo "all passed"
