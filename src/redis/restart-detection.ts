import type { Cluster, Redis } from 'ioredis';
import { ToolkitError } from '../errors.js';
import type { RedisClient } from './client.js';
import { linkTo } from './link.js';
import { loadScript } from './scripts.js';
import { hashSlotOf, nodeServing } from './servers/cluster-connection.js';

const readServerRun = loadScript('read-server-run');
const ASKING_FORBIDDEN = /^(NOPERM|ERR)\b/;
const SHOWN_CHARACTERS = 12;

/** An answer, and the run of the server that gave it. */
export interface AnswerOfRun<Answer> {
  readonly answer: Answer;
  /** Empty when an ACL forbids to ask for it. */
  readonly run: string;
}

/**
 * Adds the run of the server that holds the key to an answer from there, and uses both. Undefined when another server, or
 * another run of it, may have given the answer.
 */
export type ReadWithRun = <Answer, Result>(
  key: string,
  asked: { readonly answer: Promise<Answer>; readonly timeoutMs: number },
  use: (read: AnswerOfRun<Answer> | undefined) => Result,
) => Promise<Result>;

const readers = new WeakMap<RedisClient, ReadWithRun>();

/**
 * Tells which run of a server gave an answer. After a restart Redis may hold an older state (a snapshot, a lagging
 * append-only file, a replica that was behind), and with it tag versions that were invalidated long ago. The run is
 * asked for once per connection, in the same write as the first question over it.
 */
export function readWithRunOf(client: RedisClient): ReadWithRun {
  const reader = readers.get(client) ?? readWithRunOn(client);
  readers.set(client, reader);
  return reader;
}

function readWithRunOn(client: RedisClient): ReadWithRun {
  const link = linkTo(client);
  const runs = new WeakMap<Redis, Run>();
  const watched = new WeakSet<Redis>();

  const holderOf = (key: string): Redis | undefined =>
    client.isCluster ? nodeServing(client as Cluster, hashSlotOf(client, key)) : (client as Redis);

  const askRun = (key: string, timeoutMs: number): Promise<string> => {
    const answer = client.isCluster
      ? link.run<string | null>(readServerRun, [key], [], { timeoutMs })
      : link.send<string>('info', ['server'], { timeoutMs }).then(runId);
    return answer.then((run) => (run ?? '').slice(0, SHOWN_CHARACTERS), emptyWhenForbidden);
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

  return (key, { answer, timeoutMs }, use) => {
    const server = holderOf(key);
    const run = runOf(server, key, timeoutMs);
    // The command may have gone out over the next connection, or been redirected to the new owner of the hash slot.
    const isSame = () => !server || (holderOf(key) === server && runs.get(server) === run);
    const { name } = run;
    if (name !== undefined)
      return answer.then((value) => use(isSame() ? { answer: value, run: name } : undefined));
    return Promise.all([run.asked, answer]).then(([asked, value]) =>
      use(isSame() ? { answer: value, run: asked } : undefined),
    );
  };
}

/** A run of a server, and its name as soon as the server has told it. */
interface Run {
  readonly asked: Promise<string>;
  name?: string;
}

const runId = (info: string) => /^run_id:(\w+)/m.exec(info)?.[1] ?? '';

function emptyWhenForbidden(error: unknown): string {
  const cause = error instanceof ToolkitError ? error.cause : undefined;
  if (cause instanceof Error && ASKING_FORBIDDEN.test(cause.message)) return '';
  throw error;
}
