import { operations } from '../src/operations/index.js';
import { closeRedis, connectRedis } from '../src/redis/index.js';
import type { Variant } from './variants.js';

const LOOK_EVERY_MS = 1_000;

/** Somebody who looks at the processes of the variant `watched`, as the page does. Returns a function that stops it. */
export async function onlookerOf(
  variants: readonly Variant[],
  redisUrl: string,
): Promise<() => Promise<void>> {
  if (!variants.includes('watched')) return async () => undefined;
  const redis = connectRedis(redisUrl);
  const { overview } = operations(redis, { prefix: 'watched:', timeoutMs: 1_000, reports: false });
  const { processes } = await overview();
  if (processes.length === 0) throw new Error('no process of the variant "watched" reports');
  const timer = setInterval(() => void overview(), LOOK_EVERY_MS);
  return async () => {
    clearInterval(timer);
    await closeRedis(redis);
  };
}
