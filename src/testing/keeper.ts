import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type StopSignal = 'SIGKILL' | 'SIGQUIT' | 'SIGTERM';

export interface Keeper {
  /** A fresh temporary directory, removed when the keeper closes or its parent dies. */
  readonly directory: string;
  /** From now on this process group is ended, too, when the parent dies. Replaces the one watched before. */
  watch(pid: number, signal: StopSignal): void;
  /** The watched process is gone: its pid may soon belong to somebody else. */
  forget(): void;
  /** Removes the directory. Ends nothing: the owner has done that in its own order. */
  close(): Promise<void>;
}

// A shell and not Node: it starts in 2 ms, weighs 1 MB, and needs nothing of ours once the parent is gone.
// The pipe on stdin is the only link that the kernel closes however the parent dies, SIGKILL included.
// The last rm is repeated because a dying process may still create files while rm walks the tree.
const SCRIPT = `
trap '' HUP INT TERM QUIT
pid=
while read -r next_signal next_pid; do signal=$next_signal pid=$next_pid; done
if [ -n "$pid" ] && kill -"$signal" -"$pid"; then
  tries=0
  while [ $tries -lt 50 ] && kill -0 -"$pid"; do sleep 0.1; tries=$((tries + 1)); done
  kill -KILL -"$pid"
fi
tries=0
until rm -rf "$1" || [ $tries -ge 20 ]; do sleep 0.1; tries=$((tries + 1)); done
`;

/** Starts the watchdog that outlives this process for as long as it takes to clean up behind it. */
export function startKeeper(parentDirectory = tmpdir()): Keeper {
  const directory = mkdtempSync(join(parentDirectory, 'express-redis-toolkit-'));
  // Detached: a Ctrl-C or a kill aimed at our process group must not take the watchdog along.
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'keeper', directory], {
    detached: true,
    cwd: '/',
    env: { PATH: '/usr/bin:/bin' },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const exited = once(child, 'exit');
  const pipe = child.stdin as Socket;
  pipe.on('error', () => {});
  pipe.unref();
  child.unref();

  return {
    directory,
    watch(pid, signal) {
      pipe.write(`${signal.slice('SIG'.length)} ${pid}\n`);
    },
    forget() {
      pipe.write('\n');
    },
    async close() {
      child.ref();
      pipe.end('\n');
      await exited;
    },
  };
}
