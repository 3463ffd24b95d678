import { keys } from '../keys.js';
import { linkTo, type RedisClient, routeToEachServer } from '../redis/index.js';

const KEYS_PER_STEP = 1_000;
const GLOB = /[*?[\]\\]/g;

/** A lock that somebody holds, in any process or language. */
export interface FoundLock {
  readonly resource: string;
  /** Until it expires, unless its holder renews it. */
  readonly expiresInMs: number;
}

/** Searches all keys of Redis for locks, step by step: for a client of its own, not for one that serves requests. */
export async function findLocks(
  redis: RedisClient,
  { prefix, timeoutMs }: { prefix: string; timeoutMs: number },
): Promise<FoundLock[]> {
  const link = linkTo(redis);
  const ask = { timeoutMs };
  // ioredis puts its keyPrefix in front of keys, but not in front of patterns, and leaves it in answers.
  const { keyPrefix = '' } = redis.options;
  const beginning = keyPrefix + keys(prefix).lock('');
  const pattern = `${beginning.replace(GLOB, '\\$&')}*`;
  const found = new Set<string>();
  await link.send('ping', [], ask);
  for (const routeBy of routeToEachServer(redis).values()) {
    let cursor = '0';
    do {
      const args = [cursor, 'MATCH', pattern, 'COUNT', KEYS_PER_STEP];
      const [next, names] = await link.send<[string, string[]]>('scan', args, { ...ask, routeBy });
      for (const name of names) found.add(name);
      cursor = String(next);
    } while (cursor !== '0');
  }
  const locks = await Promise.all(
    [...found].map(async (name) => ({
      resource: name.slice(beginning.length),
      expiresInMs: Number(await link.send<number>('pttl', [name.slice(keyPrefix.length)], ask)),
    })),
  );
  return locks
    .filter(({ expiresInMs }) => expiresInMs > 0)
    .toSorted((a, b) => (a.resource < b.resource ? -1 : 1));
}
