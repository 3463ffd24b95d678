import { writeFileSync } from 'node:fs';
import { Server } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { driveExports } from './drive-exports.js';
import { driveServer } from './drive-server.js';
import { type RedisState, settledWithin } from './verdicts.js';

// Runs blocks of the docs in this one process, as a user would: loads them, sends requests to their servers, calls the
// functions that they export. Writes the problems as JSON.

export interface BlockProblem {
  /** The block, or those that ran when nobody can tell which of them it was. */
  readonly file: string;
  readonly problem: string;
}

const [directory = '', report = '', redisState, deadline = '5000', ...files] = process.argv.slice(2);
const redis = redisState as RedisState;
const deadlineMs = Number(deadline);
// Longer than any deadline of the toolkit's own: what nobody waits for has failed by then.
const AFTERMATH_MS = 1_500;
const AT_ONCE = 4;

const problems: BlockProblem[] = [];
const note = (file: string, problem: string) => problems.push({ file, problem });

let loading: string | undefined;
const driven = new Set<string>();
const servers = new Map<Server, string>();

const blame = (kind: string) => (error: unknown) => {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const file = files.find((each) => text.includes(each)) ?? loading ?? [...driven].join(' or ');
  note(file, `${kind} would end the process: ${text}`);
};
process.on('unhandledRejection', blame('an unhandled rejection'));
process.on('uncaughtException', blame('an uncaught exception'));

// Which servers a block starts, and which of its periodic work is not yet due.
const { listen } = Server.prototype;
Server.prototype.listen = function (this: Server, ...args: unknown[]) {
  if (loading) servers.set(this, loading);
  return Reflect.apply(listen, this, args);
} as typeof listen;
const { setInterval } = globalThis;
globalThis.setInterval = ((run: () => void, ms?: number, ...args: unknown[]) => {
  const isOfBlock = loading !== undefined && new Error().stack?.split('\n')[2]?.includes(loading);
  if (isOfBlock) setImmediate(run);
  return Reflect.apply(setInterval, undefined, [run, ms, ...args]);
}) as typeof globalThis.setInterval;

async function load(file: string): Promise<Record<string, unknown>> {
  loading = file;
  try {
    const loaded = import(pathToFileURL(join(directory, file)).href) as Promise<Record<string, unknown>>;
    return await settledWithin(deadlineMs, loaded, 'its top level');
  } catch (error) {
    note(file, `its top level fails: ${String(error)}`);
    return {};
  } finally {
    loading = undefined;
  }
}

async function drive(file: string, exports: Record<string, unknown>): Promise<void> {
  const own = [...servers].filter(([, starter]) => starter === file).map(([server]) => server);
  const conditions = { redis, deadlineMs, note: (problem: string) => note(file, problem) };
  driven.add(file);
  const mounted = await driveExports(exports, conditions);
  await Promise.all([...own, ...mounted].map((server) => driveServer(server, conditions)));
  driven.delete(file);
}

async function main(): Promise<void> {
  const loaded: [string, Record<string, unknown>][] = [];
  for (const file of files) loaded.push([file, await load(file)]);
  const left = loaded.values();
  const worker = async () => {
    for (const [file, exports] of left) {
      await drive(file, exports).catch((error: Error) => note(file, `it cannot be driven: ${error.stack}`));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  await new Promise((resolve) => setTimeout(resolve, AFTERMATH_MS));
  writeFileSync(report, JSON.stringify(problems));
  process.exit(0);
}

void main();
