import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { startKeeper } from '../../src/testing/keeper.js';
import { bundleForNode } from './bundle.js';

export interface Answer {
  id: number;
  value?: unknown;
  error?: string;
}

export interface ChildOptions {
  env?: Record<string, string | undefined>;
  args?: string[];
  /** Node's own arguments; by default those that run TypeScript, if it is. */
  execArgv?: string[];
  /** Another Node than the running one. */
  execPath?: string;
}

export interface TypeScriptChild {
  pid: number;
  /** What it printed on stdout and stderr so far. */
  output(): string;
  /** Asks the child to run the handler of that name, see `serve` in child.ts. */
  call<T>(name: string, argument?: unknown): Promise<T>;
  kill(signal?: NodeJS.Signals): Promise<void>;
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** Runs a file in a process of its own, which dies with this one; returns at once. */
export function launch(
  file: string,
  { env = {}, args = [], execArgv = runnersOf(file), execPath }: ChildOptions = {},
): TypeScriptChild {
  const keeper = startKeeper();
  const child = fork(file, args, {
    execArgv,
    ...(execPath && { execPath }),
    env: { ...process.env, ...env },
    // A group of its own is what the keeper ends.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  keeper.watch(child.pid!, 'SIGKILL');
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const exited = once(child, 'close').then(async ([code, signal]) => {
    await keeper.close();
    return { code, signal };
  });
  return {
    pid: child.pid!,
    output: () => output,
    call: caller(child, () => output),
    async kill(signal = 'SIGKILL') {
      child.kill(signal);
      await exited;
    },
    exited,
  };
}

const runnersOf = (file: string): string[] => (file.endsWith('.ts') ? ['--import', 'tsx'] : []);

/** Like `launch`, of a TypeScript file that it bundles. */
export async function launchBundled(file: string, options?: ChildOptions): Promise<TypeScriptChild> {
  return launch(await bundleForNode(file), options);
}

/** Like `launchBundled`, and waits until the child calls `serve` (child.ts). */
export async function forkTypeScript(file: string, options?: ChildOptions): Promise<TypeScriptChild> {
  const child = await launchBundled(file, options);
  await child.call('ready');
  return child;
}

function caller(child: ChildProcess, output: () => string) {
  let lastId = 0;
  const waiting = new Map<number, { resolve(value: never): void; reject(error: Error): void }>();
  child.on('message', ({ id, value, error }: Answer) => {
    const call = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) call?.resolve(value as never);
    else call?.reject(new Error(error));
  });
  child.on('close', () => {
    for (const { reject } of waiting.values()) reject(new Error(`the child process ended: ${output()}`));
  });
  return <T>(name: string, argument?: unknown): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const id = ++lastId;
      waiting.set(id, { resolve, reject });
      child.send({ id, name, argument }, (error) => error && reject(error));
    });
}
