#!/usr/bin/env bash
# platforms.sh TARBALL: runs one application on each runtime of README's table, and with each Express and ioredis.
set -euo pipefail
tarball=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here"/platforms/*.cjs "$work"
cd "$work"
echo '{ "private": true }' >package.json
# Express prints each error otherwise.
export NODE_ENV=test

app=app.cjs
works() {
  local name=$1
  shift
  timeout 60 "$@" "$app" >out 2>&1 || true
  if ! grep -qx 'every function works' out; then
    echo "$name does not work:" >&2
    cat out >&2
    return 1
  fi
  echo "$name works"
}

# npm has the binaries of Node in a package for each platform.
node=$(node -p '`node-${process.platform}-${process.arch}`')
npm install --silent "$tarball" express@5 ioredis@6 bun@1 deno@2 \
  node20@npm:"$node"@20 node22@npm:"$node"@22 node24@npm:"$node"@24 node26@npm:"$node"@26
for version in 20 22 24 26; do
  works "Node $version" "node_modules/node$version/bin/node"
done
works "Bun $(npx bun --version)" npx bun
works "Deno $(npx deno --version | sed -n 's/^deno \([0-9.]*\).*/\1/p')" npx deno run --allow-all

npm uninstall --silent bun deno node20 node22 node24 node26
for express in 4.17 4 5; do
  for ioredis in 5.4.0 5.11 6; do
    npm install --silent "express@$express" "ioredis@$ioredis"
    works "Express $express with ioredis $ioredis" node
  done
done

app=nest.cjs
for nest in 10 11; do
  npm install --silent express@5 ioredis@6 "@nestjs/common@$nest" "@nestjs/core@$nest" "@nestjs/platform-express@$nest" \
    reflect-metadata rxjs@7
  works "NestJS $nest" node
done
