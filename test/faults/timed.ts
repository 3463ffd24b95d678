import { setTimeout as sleep } from 'node:timers/promises';
import { ToolkitError } from '../../src/errors.js';
import type { RedisClient } from '../../src/redis/connect.js';
import { linkTo } from '../../src/redis/link.js';

export const DEADLINE_MS = 150;
export const TOLERANCE_MS = 50;

export interface Outcome {
  kind: 'answered' | 'unavailable' | 'other';
  tookMs: number;
  /** Past its deadline; a plain timer of the same length, set at the same moment, tells how busy the machine is. */
  lateMs: number;
  /** Sooner than a plain timer of the tolerance, set at the same moment: the server was not waited for. */
  atOnce: boolean;
}

/** Asks for a write, and measures when its answer or its failure came. */
export async function timed(client: RedisClient, key = 'outage'): Promise<Outcome> {
  const start = performance.now();
  const plainTimer = sleep(DEADLINE_MS).then(() => performance.now() - start);
  let atOnce = true;
  const soon = setTimeout(() => {
    atOnce = false;
  }, TOLERANCE_MS);
  const kind = await linkTo(client)
    .send<string>('set', [key, '1'], { timeoutMs: DEADLINE_MS })
    .then(
      (): Outcome['kind'] => 'answered',
      (error) =>
        error instanceof ToolkitError && error.code === 'REDIS_UNAVAILABLE' ? 'unavailable' : 'other',
    );
  clearTimeout(soon);
  const tookMs = performance.now() - start;
  return { kind, tookMs, atOnce, lateMs: tookMs > DEADLINE_MS ? tookMs - (await plainTimer) : 0 };
}
