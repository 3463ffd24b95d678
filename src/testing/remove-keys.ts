import { keys } from '../keys.js';
import type { RedisLink } from '../redis/index.js';

const ASK = { timeoutMs: 5_000 };
const AT_ONCE = 1_000;
const GLOB = /[*?[\]\\]/g;
const STATE = keys().redisState(0, 0).split('{')[0]!;

/** Removes the keys of a client with this prefix. */
export async function removeKeys(
  link: RedisLink,
  prefix: string,
  isKept: (key: string) => boolean = () => false,
): Promise<void> {
  const pattern = `${prefix.replace(GLOB, '\\$&')}*`;
  let cursor = '0';
  do {
    const args = [cursor, 'MATCH', pattern, 'COUNT', AT_ONCE];
    const [next, found] = await link.send<[string, string[]]>('scan', args, ASK);
    // ioredis puts the prefix in front again.
    const removed = found.filter((key) => !isKept(key)).map((key) => key.slice(prefix.length));
    if (removed.length > 0) await link.send('unlink', removed, ASK);
    cursor = next;
  } while (cursor !== '0');
}

/** Whether a key names the state of Redis. Without it the toolkit assumes a loss of data, and may cache nothing for a second. */
export const namesState = (key: string): boolean => key.includes(STATE);
