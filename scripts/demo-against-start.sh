#!/usr/bin/env bash
set -euo pipefail
cd "$(dirname "$0")/.."

PORT=$(node -e 'const s = require("net").createServer().listen(0, () => { console.log(s.address().port); s.close(); })')
export PORT
log=$(mktemp)
# A group of its own, so that the signal reaches it as Ctrl-C would.
setsid npm start >"$log" 2>&1 </dev/null &
server=$!
finish() {
  kill -TERM -- "-$server" 2>/dev/null || true
  wait "$server" || true
  rm -f "$log"
}
trap finish EXIT

until curl --silent --fail --max-time 5 --output /dev/null "http://localhost:$PORT/health/ready"; do
  if ! kill -0 "$server" 2>/dev/null || ((SECONDS > 180)); then
    cat "$log" >&2
    exit 1
  fi
  sleep 0.2
done
# The limit of one address is enough for five walks in a minute.
for round in first second third fourth fifth; do
  if ! npm run --silent demo -- "$PORT"; then
    echo "the $round walk failed; the server said:" >&2
    tail -20 "$log" >&2
    exit 1
  fi
done
