import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Keeper, StopSignal } from './keeper.js';

export interface Account {
  uid: number;
  gid: number;
}

export interface ServiceOptions {
  command: string;
  args: string[];
  keeper: Keeper;
  stopSignal: StopSignal;
  /** The line in the service's own output that says it listens. */
  ready: RegExp;
  account?: Account | undefined;
}

export interface ServiceProcess {
  pid: number;
  /** Sends the stop signal, waits for the end, and removes the service's directory. */
  stop(): Promise<void>;
}

/** A service ended before it was ready. */
export class ServiceExit extends Error {
  override readonly name = 'ServiceExit';

  constructor(
    command: string,
    readonly output: string,
  ) {
    super(`${command} did not start: ${output.trim() || 'it printed nothing'}`);
  }

  get portTaken(): boolean {
    return /address already in use/i.test(this.output);
  }
}

const OUTPUT_KEPT = 4096;

/** Starts a service and resolves once it says that it is ready, or rejects with what it printed. */
export async function runService(options: ServiceOptions): Promise<ServiceProcess> {
  const { command, keeper, stopSignal } = options;
  const child = spawnWatched(options);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await waitUntilReady(child, command, options.ready);
  // Once it runs, it keeps nobody alive: a script that ends without stop() ends, and the keeper cleans up.
  for (const stream of [child.stdout, child.stderr]) (stream as Socket).unref();
  child.unref();

  const pid = child.pid!;
  let stopping: Promise<void> | undefined;
  async function stop(): Promise<void> {
    child.ref();
    if (child.exitCode === null && child.signalCode === null) process.kill(pid, stopSignal);
    await exited;
    await keeper.close();
  }
  return { pid, stop: () => (stopping ??= stop()) };
}

/** Runs a command to its end under the keeper's watch. */
export async function runToEnd(options: Omit<ServiceOptions, 'ready'>): Promise<void> {
  const child = spawnWatched(options);
  const output = collectOutput(child, () => {});
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new ServiceExit(options.command, output())),
    );
  });
}

function spawnWatched({ command, args, keeper, stopSignal, account }: Omit<ServiceOptions, 'ready'>) {
  // Detached, so that Ctrl-C in the terminal reaches us alone: requests in flight still need their database.
  const child = spawn(command, args, {
    ...account,
    detached: true,
    cwd: keeper.directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
  });
  if (child.pid !== undefined) keeper.watch(child.pid, stopSignal);
  child.once('exit', () => keeper.forget());
  return child;
}

function collectOutput(child: ChildProcess, onOutput: (output: string) => void): () => string {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream!.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-OUTPUT_KEPT);
      onOutput(output);
    });
  }
  return () => output;
}

function waitUntilReady(child: ChildProcess, command: string, ready: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    const output = collectOutput(child, (text) => {
      if (ready.test(text)) resolve();
    });
    child.once('error', reject);
    child.once('close', () => reject(new ServiceExit(command, output())));
  });
}
