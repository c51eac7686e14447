#!/usr/bin/env bash
# The Autobahn suite against this server: docs/benchmarks/conformance.md. Usage: scripts/conformance.sh [OUT.json]
# Needs `wstest` (autobahntestsuite 0.8.2, for Python 2.7) on the PATH or in $WSTEST, and node. Without OUT.json the
# counts land beside the build, not in docs. The build is a test build: it answers anyone on /ws/echo.
set -euo pipefail
cd "$(dirname "$0")/.."
wstest=${WSTEST:-wstest}
target=${CARGO_TARGET_DIR:-target}
out=${1:-$target/conformance.json}
if ! command -v "$wstest" >/dev/null; then
  echo "SKIPPED: no wstest; set WSTEST" >&2
  exit 0
fi

cargo build --release --locked --features conformance
folder=$(mktemp -d)
"$target/release/beeline" serve --dev --listen 127.0.0.1:0 --data "$folder/data" >"$folder/out" 2>"$folder/log" &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" || true; rm -rf "$folder"' EXIT
for _ in $(seq 100); do
  address=$(sed -n 's|^listening on http://||p' "$folder/out")
  [ -z "$address" ] || break
  sleep 0.1
done
[ -n "$address" ] || { cat "$folder/log" >&2; exit 1; }

# No extension is negotiated, so groups 12 and 13 (compression) do not apply.
cat >"$folder/spec.json" <<SPEC
{
  "outdir": "$folder/reports",
  "servers": [{ "agent": "beeline", "url": "ws://$address/ws/echo" }],
  "cases": ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*"],
  "exclude-cases": [],
  "exclude-agent-cases": {}
}
SPEC
"$wstest" -m fuzzingclient -s "$folder/spec.json" >"$folder/wstest.log"
node scripts/conformance.mjs "$folder/reports/index.json" "$out"
