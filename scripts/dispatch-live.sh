#!/usr/bin/env bash
# From due to assigned under load, against a server of this machine: 2,000 orders a minute for 5 minutes, drivers who answer in 1 s
# and decline 10 %. Usage: scripts/dispatch-live.sh BEELINE [OUT], with DRIVERS, ORDERS_PER_MINUTE, DURATION to change the load.
set -euo pipefail
beeline=$1
out=${2:-docs/benchmarks}
folder=$(mktemp -d)
server=
finish() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null && wait "$server" || true; fi
  rm -rf "$folder"
}
trap finish EXIT

(umask 077 && head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' > "$folder/secret")
cpu_s() { awk '{ ns += $1 } END { print ns / 1e9 }' /proc/"$server"/task/*/schedstat; }

# One machine plays everybody: no caps on sockets.
BEELINE_JWT_SECRET_FILE="$folder/secret" "$beeline" serve --listen 127.0.0.1:0 --data "$folder/data" --log warn \
  --max-sockets-per-address 0 --max-sockets-per-principal 0 \
  > "$folder/said" 2> "$folder/log" &
server=$!
for _ in $(seq 100); do
  url=$(sed -n 's/^listening on //p' "$folder/said")
  [ -z "$url" ] || break
  sleep 0.1
done
[ -n "$url" ] || { cat "$folder/log" >&2; exit 1; }

"$beeline" simulate --url "$url" --secret-file "$folder/secret" --drivers "${DRIVERS:-4000}" \
  --orders-per-minute "${ORDERS_PER_MINUTE:-2000}" --answer 1s --decline 0.1 --trip 60s --prep 0s --watch-share 0.02 \
  --warm-up 45s --duration "${DURATION:-5m}" --json > "$out/dispatch-live.json"
curl -s "$url/metrics" > "$folder/metrics"
# at_most NAME SHARE: the bound of the histogram's bucket that this share of the observations lies within.
at_most() {
  awk -v name="$1_bucket{le=\"" -v share="$2" '
    index($0, name) == 1 { split(substr($0, length(name) + 1), part, "\""); bound[++n] = part[1]; count[n] = $2 }
    END { for (i = 1; i <= n; i++) if (count[i] >= share * count[n]) { print bound[i]; exit } }' "$folder/metrics"
}
{
  echo "server CPU: $(cpu_s) s"
  echo "a decision of a cell took at most $(at_most beeline_match_decision_seconds 0.5) s (p50), $(at_most beeline_match_decision_seconds 0.99) s (p99)"
  grep -E '^beeline_(offers_made|offers_ended|orders_assigned|dead_letters|searches_again|match_decision_seconds_count)' "$folder/metrics"
} | tee "$out/dispatch-live.txt" >&2
