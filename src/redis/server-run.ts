import type { Cluster, Redis } from 'ioredis';
import { ToolkitError } from '../errors.js';
import type { RedisClient } from './client.js';
import { linkTo } from './link.js';
import { loadScript } from './scripts.js';
import { nodeServing, slotOf } from './servers/cluster-connection.js';

const nameRun = loadScript('name-run');
const NOT_TOLD = /^(NOPERM|ERR)\b/;
const SHOWN_CHARACTERS = 12;

export interface Stamped<Answer> {
  readonly answer: Answer;
  /** Empty when Redis may not be asked. */
  readonly run: string;
}

/**
 * What was read where a key lies, with the run of the server that it came from; nothing when another server, or another
 * run of it, may have answered.
 */
export type Stamp = <Answer>(
  key: string,
  answer: Promise<Answer>,
  timeoutMs: number,
) => Promise<Stamped<Answer> | undefined>;

const stamps = new WeakMap<RedisClient, Stamp>();

/**
 * Marks what is read by the server that holds it. One that comes back may come back with an older state (a snapshot, a
 * lagging append-only file, a replica that had not heard), and with it tag versions that were invalidated long ago.
 * Which run it is, is asked once per connection, in the write of the first question over it.
 */
export function stampOf(client: RedisClient): Stamp {
  const stamp = stamps.get(client) ?? stampsOn(client);
  stamps.set(client, stamp);
  return stamp;
}

function stampsOn(client: RedisClient): Stamp {
  const link = linkTo(client);
  const runs = new WeakMap<Redis, Run>();
  const watched = new WeakSet<Redis>();

  const holderOf = (key: string): Redis | undefined =>
    client.isCluster ? nodeServing(client as Cluster, slotOf(client, key)) : (client as Redis);

  const askRun = (key: string, timeoutMs: number): Promise<string> => {
    const told = client.isCluster
      ? link.run<string | null>(nameRun, [key], [], { timeoutMs })
      : link.send<string>('info', ['server'], { timeoutMs }).then(runId);
    return told.then((run) => (run ?? '').slice(0, SHOWN_CHARACTERS), withoutPermission);
  };
  const runOf = (server: Redis | undefined, key: string, timeoutMs: number): Run => {
    const known = server && runs.get(server);
    if (known) return known;
    const run: Run = { asked: askRun(key, timeoutMs) };
    run.asked.then(
      (name) => {
        run.name = name;
      },
      () => server && runs.get(server) === run && runs.delete(server),
    );
    if (!server) return run;
    runs.set(server, run);
    if (!watched.has(server)) server.on('close', () => runs.delete(server));
    watched.add(server);
    return run;
  };

  return async (key, value, timeoutMs) => {
    const server = holderOf(key);
    const run = runOf(server, key, timeoutMs);
    const [name, answer] =
      run.name === undefined ? await Promise.all([run.asked, value]) : [run.name, await value];
    // The command may have gone out over the next connection, or been sent on to the slot's new owner.
    const isSame = !server || (holderOf(key) === server && runs.get(server) === run);
    return isSame ? { answer, run: name } : undefined;
  };
}

/** A run of a server; its name once that is known. */
interface Run {
  readonly asked: Promise<string>;
  name?: string;
}

const runId = (info: string) => /^run_id:(\w+)/m.exec(info)?.[1] ?? '';

function withoutPermission(error: unknown): string {
  const cause = error instanceof ToolkitError ? error.cause : undefined;
  if (cause instanceof Error && NOT_TOLD.test(cause.message)) return '';
  throw error;
}
