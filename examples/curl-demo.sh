#!/usr/bin/env bash
set -euo pipefail

# A port, or a URL.
base=${1:-3000}
[[ $base =~ ^[0-9]+$ ]] && base=http://localhost:$base
base=${base%/}
work=$(mktemp -d)
trap 'rm -rf "$work"; [ -z "${listener-}" ] || kill "$listener"' EXIT

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

# request METHOD PATH [curl options]: shows the command, keeps status, headers and body.
request() {
  local method=$1 path=$2
  shift 2
  printf '  $ curl -X %s %s%s\n' "$method" "$path" "${*:+ ${*//$work\//}}"
  status=$(curl --silent --show-error --max-time 10 --request "$method" --dump-header "$work/head" \
    --output "$work/body" --write-out '%{http_code}' "$@" "$base$path")
  tr -d '\r' <"$work/head" >"$work/headers"
  printf '    %s\n' "$(head -1 "$work/headers")"
}

json=(--header 'Content-Type: application/json')

header() { sed -n "s/^$1: //Ip" "$work/headers"; }
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$work/body"; }
show() { for name in "$@"; do printf '    %s: %s\n' "$name" "$(header "$name")"; done; }

fail() {
  printf '\nNOT AS NARRATED: %s\n' "$1" >&2
  cat "$work/headers" "$work/body" >&2
  exit 1
}
expect_status() { [ "$status" = "$1" ] || fail "expected status $1, got $status"; }
expect_header() {
  [[ "$(header "$1")" =~ $2 ]] || fail "expected $1 to match $2, got: $(header "$1")"
  show "$1"
}
expect_body() { grep -q "$1" "$work/body" || fail "expected the body to hold $1"; }

unique=demo-$(date +%s)-$$
email=$unique@example.com
password='a long enough password'

say '1. Every answer says what is left of the limit.'
request GET '/users?limit=1'
expect_status 200
expect_header RateLimit-Policy '"[^"]+";q=[0-9]+;w=[0-9]+'
expect_header RateLimit ';r=[0-9]+;t=[0-9]+'

say '2. Logins have a tight limit per address and email: guessing passwords ends in 429.'
guess() { request POST /auth/login "${json[@]}" --data "{\"email\":\"nobody-$email\",\"password\":\"guess $1\"}"; }
guess 1
expect_status 401
quota=$(header RateLimit-Policy | sed -n 's/.*"login";q=\([0-9]*\).*/\1/p')
for ((attempt = 2; attempt <= quota; attempt++)); do
  guess "$attempt"
  expect_status 401
done
guess "$attempt"
expect_status 429
expect_header Retry-After '^[1-9][0-9]*$'

say '3. Somebody signs up.'
request POST /users "${json[@]}" \
  --data "{\"email\":\"$email\",\"name\":\"Before\",\"password\":\"$password\"}"
expect_status 201
id=$(field id)
[ -n "$id" ] || fail 'expected the new user to have an id'

say '4. The new user logs in on a laptop and on a phone: the limit on logins above was of another email.'
for device in laptop phone; do
  request POST /auth/login --cookie-jar "$work/$device" "${json[@]}" \
    --data "{\"email\":\"$email\",\"password\":\"$password\"}"
  expect_status 200
  expect_header Set-Cookie 'HttpOnly'
done
request GET /auth/me --cookie "$work/phone"
expect_status 200
expect_body "$email"

say '5. The first read of a user asks PostgreSQL, the second is served from Redis.'
request GET "/users/$id"
expect_status 200
expect_header Cache-Status 'fwd=uri-miss; *stored'
request GET "/users/$id"
expect_status 200
expect_header Cache-Status '; *hit'
expect_body '"name":"Before"'

say '6. A change is answered only after the cache was purged: the next read is fresh. Who listens to events is told.'
printf '  $ curl -N /users/events\n'
: >"$work/events"
curl --silent --no-buffer --max-time 60 "$base/users/events" >"$work/events" &
listener=$!
eventually_told() {
  for _ in $(seq 100); do
    if grep -q "$1" "$work/events"; then return; fi
    sleep 0.1
  done
  fail "expected the stream of events to bring $1"
}
eventually_told ': listening'
request PATCH "/users/$id" --cookie "$work/laptop" "${json[@]}" --data '{"name":"After"}'
expect_status 200
request GET "/users/$id"
expect_status 200
expect_header Cache-Status 'fwd='
expect_body '"name":"After"'
eventually_told 'event: changed'
eventually_told "$id"
grep -A1 'event: changed' "$work/events" | sed 's/^/    /'

say '7. Log out everywhere on the laptop: the phone is logged out too.'
request POST /auth/logout-everywhere --cookie "$work/laptop"
expect_status 204
request GET /auth/me --cookie "$work/phone"
expect_status 401
request GET /auth/me --cookie "$work/laptop"
expect_status 401

say 'Every answer was as narrated.'
