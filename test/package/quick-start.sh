#!/usr/bin/env bash
# Follows the README's quick start in an empty directory, as pasted, with the packed tarball in place of the published
# package: quick-start.sh TARBALL ts|js
set -euo pipefail
tarball=$1 language=$2
: "${REDIS_URL:?is needed to start the quick start}"

root=$(cd "$(dirname "$0")/../.." && pwd)
readme() { (cd "$root" && npx tsx scripts/page-block.ts README.md "$1"); }
install=$(readme 'npm install express-redis-toolkit')
if [ "$language" = ts ]; then
  app=app.ts start=$(readme 'npx tsx app.ts') source='express.Request' install+=$'\n'$(readme 'npm install --save-dev')
else
  app=app.mjs start=$(readme 'node app.mjs') source='const tags = (req) =>'
fi
curls=$(readme 'curl -i')

work=$(mktemp -d)
server=
finish() {
  [ -z "$server" ] || kill -TERM -- "-$server" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
(cd "$root" && npx tsx scripts/page-block.ts README.md "$source") >"$work/$app"
cd "$work"
# As `npm init -y` does.
echo '{ "name": "quick-start", "version": "1.0.0" }' >package.json
bash -euc "npm() { command npm --silent \"\$@\"; }; ${install//install express-redis-toolkit/install $tarball}"

PORT=$(node -e 'const s = require("net").createServer().listen(0, () => { console.log(s.address().port); s.close(); })')
export PORT
# A group of its own, so that the signal reaches what npx starts.
setsid bash -c "$start" >server.log 2>&1 </dev/null &
server=$!
until curl --silent --max-time 5 --output /dev/null "http://localhost:$PORT/"; do
  if ! kill -0 "$server" 2>/dev/null || ((SECONDS > 120)); then
    cat server.log >&2
    exit 1
  fi
  sleep 0.2
done

# The answer of a miss does not wait until it is stored, so the second request is asked until it is a hit.
mapfile -t requests <<<"${curls//localhost:3000/localhost:$PORT}"
ask() { bash -c "${requests[$1]}" 2>/dev/null | tr -d '\r' >answer; }
expect() {
  grep -q "$1" answer || {
    echo "the quick start ($language) did not answer $1:" >&2
    cat answer server.log >&2
    exit 1
  }
}
# A Redis that other runs used may have the first answer already.
ask 2 && expect '^HTTP/1.1 200'
ask 0 && expect '^Cache-Status: toolkit;fwd='
for _ in $(seq 50); do
  ask 1
  ! grep -q '^Cache-Status: toolkit;hit' answer || break
done
expect '^Cache-Status: toolkit;hit'
ask 2 && expect '"name":"Ada Lovelace"'
ask 3 && expect '^Cache-Status: toolkit;fwd=' && expect '"name":"Ada Lovelace"'
echo "The quick start of the README runs as pasted ($app)"
