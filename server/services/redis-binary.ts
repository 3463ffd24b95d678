import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type Environment, findProgram, findRedis } from '../../src/testing/index.js';
import { StartupError } from '../startup-error.js';

const run = promisify(execFile);
const INSTALL_TIMEOUT_MS = 10 * 60_000;

/** Tells whoever starts the server what happens. */
export type Log = (line: string) => void;

interface PackageManager {
  command: string;
  installs: string;
  needsRoot: boolean;
  script: string;
}

// flock on a directory that always exists serialises `npm start` and `npm test`; whoever comes second finds Redis there.
// DPkg::Lock::Timeout does not cover the lock of the package lists, hence the loop around update.
// policy-rc.d keeps Debian from starting a daemon on port 6379; noclobber keeps a policy that is already there.
// Ignored signals are inherited, so that Ctrl-C does not leave dpkg half-configured.
const APT_SCRIPT = `
trap '' INT QUIT
exec 9< /var/lib/dpkg && flock 9 || exit 1
command -v redis-server >/dev/null && exit 0
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if (set -C; printf '#!/bin/sh\\nexit 101\\n' > $policy) 2>/dev/null; then
  trap 'rm -f $policy' EXIT
  trap 'exit 1' HUP TERM
  chmod 755 $policy
fi
tries=0
while ! errors=$(apt-get update -qq 2>&1 9<&-); do
  case "$errors" in *lists/lock*) ;; *) echo "$errors" >&2; break ;; esac
  tries=$((tries + 1))
  [ $tries -le 300 ] || break
  sleep 1
done
apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends redis-server 9<&-
`;

const PACKAGE_MANAGERS: readonly PackageManager[] = [
  { command: 'apt-get', installs: 'redis-server', needsRoot: true, script: APT_SCRIPT },
  {
    command: 'dnf',
    installs: 'redis',
    needsRoot: true,
    script: 'dnf install -y -q redis || dnf install -y -q valkey',
  },
  { command: 'apk', installs: 'redis', needsRoot: true, script: 'apk add -q redis' },
  { command: 'brew', installs: 'redis', needsRoot: false, script: 'brew install -q redis' },
];

const WAYS_OUT =
  'Three ways out: install Redis yourself (package redis-server, redis or valkey), ' +
  'set REDIS_URL to a Redis that is running, or run `docker compose up`.';

async function rootPrefix(env: Environment): Promise<string[] | undefined> {
  if (process.geteuid?.() === 0) return [];
  const sudo = findProgram('sudo', env);
  if (sudo === undefined) return undefined;
  return run(sudo, ['-n', 'true']).then(
    () => [sudo, '-n'],
    () => undefined,
  );
}

async function install(env: Environment, log: Log): Promise<void> {
  const manager = PACKAGE_MANAGERS.find(({ command }) => findProgram(command, env));
  if (manager === undefined) throw new StartupError(`Redis is not installed. ${WAYS_OUT}`);
  const prefix = manager.needsRoot ? await rootPrefix(env) : [];
  if (prefix === undefined) {
    throw new StartupError(
      `Redis is not installed, and ${manager.command} needs a password here. ${WAYS_OUT}`,
    );
  }
  log(`Redis: not found, installing the package ${manager.installs} with ${manager.command} …`);
  const [command, ...args] = [...prefix, '/bin/sh', '-c', manager.script];
  try {
    await run(command!, args, { env: { ...process.env, ...env }, timeout: INSTALL_TIMEOUT_MS });
  } catch (error) {
    const reason = (error as { stderr?: string }).stderr?.trim().split('\n').at(-1) || String(error);
    throw new StartupError(`Redis could not be installed with ${manager.command} (${reason}). ${WAYS_OUT}`);
  }
}

/** The path of redis-server or valkey-server; installs it where the system's package manager asks for no password. */
export async function redisBinary(log: Log, env: Environment = process.env): Promise<string> {
  const found = findRedis(env);
  if (found !== undefined) return found;
  await install(env, log);
  const installed = findRedis(env);
  if (installed === undefined) throw new StartupError(`Redis was installed, but is not on PATH. ${WAYS_OUT}`);
  return installed;
}
