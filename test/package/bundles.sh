#!/usr/bin/env bash
# bundles.sh TARBALL: bundles an app that uses the package, moves it to a folder of its own, and runs it there.
set -euo pipefail
tarball=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp -R "$here/cjs" "$work/app"
cd "$work/app"
npm install --silent "$tarball" express@5 ioredis@6 esbuild@0.28 rolldown@1 webpack@5 webpack-cli@7 @vercel/ncc@0.45
mkdir "$work/elsewhere"
# Minified, because nothing may depend on the names of functions. webpack's own minifier would take most of a minute.
npx esbuild app.js --bundle --minify --platform=node --outfile="$work/elsewhere/esbuild.cjs" --log-level=warning
npx rolldown app.js --platform node --format esm --file "$work/elsewhere/rolldown.mjs" --logLevel warn
# What these two print matters only if they fail.
quietly() { "$@" >"$work/out" 2>&1 || { cat "$work/out" >&2; return 1; }; }
quietly npx webpack --mode production --no-optimization-minimize --target node --entry ./app.js --output-path "$work/elsewhere" \
  --output-filename webpack.cjs
quietly npx ncc build app.js --out "$work/elsewhere/ncc"
for function in withLock rateLimit session cacheResponse invalidateOn cacheAside publisher; do
  echo "import { $function } from 'express-redis-toolkit'; console.log($function);" >"$function.mjs"
  npx esbuild "$function.mjs" --bundle --platform=node --format=esm --external:ioredis --external:express \
    --minify --outfile="out/$function.mjs" --metafile="out/$function.json" --log-level=warning
done
node "$here/check-bundle-contents.js"

# What is bundled is all that there is.
rm -rf "$work/app"
cd "$work/elsewhere"
for bundle in esbuild.cjs rolldown.mjs webpack.cjs ncc/index.js; do
  node "$bundle"
  echo "$bundle, $(stat --format=%s "$bundle") bytes, starts and serves"
done
