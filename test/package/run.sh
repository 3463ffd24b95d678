#!/usr/bin/env bash
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${REDIS_URL:?is needed to use the package}"

root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# An empty cache, so that what happens to be on this machine proves nothing.
export npm_config_cache=$work/npm-cache npm_config_audit=false npm_config_fund=false

npm pack --pack-destination "$work" >"$work/pack.log" 2>&1 || { cat "$work/pack.log" >&2; exit 1; }
tarball=$(echo "$work"/express-redis-toolkit-*.tgz)
tar --extract --gzip --file "$tarball" --directory "$work"
npx tsx test/package/check-tarball.ts "$work/package"
npx publint --strict "$tarball"
npx attw "$tarball"

echo "Used from ESM TypeScript, with ioredis 6"
cp -R "$root/test/package/esm" "$work/esm"
cd "$work/esm"
npm install --silent "$tarball" express@5 ioredis@6 typescript@7 @types/express@5 @types/node@20
cp "$root/test/types/"session-{data,null}.test-d.ts .
npx tsc
node app.js
# The oldest TypeScript of the table in README.
npm install --silent --prefix "$work/typescript-5.4" typescript@5.4
node "$work/typescript-5.4/node_modules/typescript/bin/tsc" --noEmit
# With both packages' types express-session's decide what can be assigned to req.session.
rm session-null.test-d.ts
# A migrating project may still have express-session's types: nothing worse than what README.md says.
npm install --silent @types/express-session@1
npx tsc --noEmit --skipLibCheck --types node,express-session

echo "Used by require, with ioredis 5"
cp -R "$root/test/package/cjs" "$work/cjs"
cd "$work/cjs"
npm install --silent "$tarball" express@5 ioredis@5
node app.js
node lua.js

echo "Bundled, and moved to another folder"
"$root/test/package/bundles.sh" "$tarball"

echo "The testing guide, as pasted"
"$root/test/package/testing.sh" "$tarball"

echo "The platforms of the README"
"$root/test/package/platforms.sh" "$tarball"

echo "The README's quick start, as pasted"
"$root/test/package/quick-start.sh" "$tarball" js
"$root/test/package/quick-start.sh" "$tarball" ts
