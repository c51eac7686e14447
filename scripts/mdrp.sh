#!/usr/bin/env bash
# The figures of docs/benchmarks/dispatch.md: every public instance, played four ways. Usage: scripts/mdrp.sh BEELINE [OUT]
set -euo pipefail
beeline=$1
out=${2:-docs/benchmarks}
data=${BEELINE_MDRP:-../shared/data/mdrp}
if [[ ! -d $data ]]; then
  echo "SKIPPED: no public instances at $data; set BEELINE_MDRP" >&2
  exit 0
fi
"$beeline" evaluate mdrp "$data" --json "$out/mdrp-optimal.json"
"$beeline" evaluate mdrp "$data" --policy nearest --json "$out/mdrp-nearest.json"
"$beeline" evaluate mdrp "$data" --noise mean-prep --json "$out/mdrp-mean-prep.json"
"$beeline" evaluate mdrp "$data" --cells --json "$out/mdrp-cells.json"
