#!/usr/bin/env bash
# testing.sh TARBALL: runs the examples of docs/guides/testing.md as pasted, with each way to find a Redis.
set -euo pipefail
tarball=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
# `out` holds what the last command printed.
trap 'code=$?; [ $code = 0 ] || cat "$work/out" >&2; rm -rf "$work"' EXIT
page=$root/docs/guides/testing.md
cd "$root"
for file in app.mjs app.cjs app.vitest.test.mjs app.jest.test.cjs app.node.test.mjs redis-setup.mjs redis-teardown.mjs; do
  npx tsx scripts/page-block.ts "$page" "// $file" >"$work/$file"
done
cd "$work"
echo '{ "name": "my-app", "private": true }' >package.json
export REDISMS_DISABLE_POSTINSTALL=1
npm install --silent "$tarball" express@5 ioredis@6 vitest@4 jest@30

run_all() {
  npx vitest run app.vitest.test.mjs "$@" >out 2>&1
  grep -q '4 passed' out
  run_jest '**/*.jest.test.cjs' "${jest_options[@]}"
  run_node
}
run_jest() {
  npx jest --testMatch "$@" >out 2>&1
  grep -q 'Tests: .*4 passed' out
  if grep -q 'did not exit' out; then
    echo "something keeps the process alive after stop()" >&2
    return 1
  fi
}
run_node() {
  node --test --test-reporter=tap app.node.test.mjs >out 2>&1
  grep -q '^# pass 4' out
}
jest_options=()
run_all
echo "The examples of the testing guide run with the Redis of REDIS_URL"

unset REDIS_URL
run_all
echo "The examples of the testing guide run with servers of their own"

echo '{ "globalSetup": "./redis-setup.mjs", "globalTeardown": "./redis-teardown.mjs" }' >jest.json
echo 'export default { test: { globalSetup: "./redis-setup.mjs" } };' >vitest.setup.mjs
jest_options=(--config jest.json)
run_all --config vitest.setup.mjs
echo "The examples of the testing guide run with one server for all files"

echo '{ "fakeTimers": { "enableGlobally": true, "doNotFake": ["nextTick"] } }' >jest.json
sed '/afterEach/d' app.jest.test.cjs >faked.jest.test.cjs
run_jest '**/faked.jest.test.cjs' --config jest.json
echo "In Jest a request is answered though fake timers are on from the beginning"

# A PATH with Node and without Redis.
mkdir bin
for program in node sh ps kill rm grep cat; do ln -s "$(command -v $program)" "bin/$program"; done
if (PATH=$work/bin run_node); then
  echo "there must be no Redis on this PATH" >&2
  exit 1
fi
grep -q 'TEST_REDIS_MISSING' out
grep -q 'npm install --save-dev redis-memory-server' out
npm install --silent redis-memory-server@0
REDISMS_SYSTEM_BINARY=$(command -v redis-server)
export REDISMS_SYSTEM_BINARY
PATH=$work/bin
run_node
echo "The examples of the testing guide run with redis-memory-server"
