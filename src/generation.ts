import { ToolkitError } from './errors.js';
import type { RedisClient } from './redis.js';
import { linkTo } from './redis-link.js';

const NOT_TOLD = /^(NOPERM|ERR)\b/;

const generations = new WeakMap<RedisClient, (timeoutMs: number) => Promise<string>>();

/**
 * Which run of which server a client is connected to, asked once per connection. A server that comes back may come
 * back with an older state (a snapshot, a lagging append-only file, a replica that had not heard), and with it tag
 * versions that were invalidated long ago.
 */
export function generationOf(client: RedisClient): (timeoutMs: number) => Promise<string> {
  const known = generations.get(client);
  if (known) return known;
  const generation = client.isCluster ? async () => '' : watch(client);
  generations.set(client, generation);
  return generation;
}

function watch(client: RedisClient): (timeoutMs: number) => Promise<string> {
  const link = linkTo(client);
  let current: Promise<string> | undefined;
  // What the next connection leads to is asked in the same write as the first question over it.
  client.on('close', () => {
    current = undefined;
  });
  return (timeoutMs) => {
    if (current) return current;
    const asked = link.send<string>('info', ['server'], { timeoutMs }).then(runId, withoutPermission);
    current = asked;
    asked.catch(() => {
      if (current === asked) current = undefined;
    });
    return asked;
  };
}

const runId = (info: string) => /^run_id:(\w+)/m.exec(info)?.[1]?.slice(0, 12) ?? '';

function withoutPermission(error: unknown): string {
  const cause = error instanceof ToolkitError ? error.cause : undefined;
  if (cause instanceof Error && NOT_TOLD.test(cause.message)) return '';
  throw error;
}
