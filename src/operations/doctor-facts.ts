import { isMisconfigured } from '../errors.js';
import { type Ask, linkTo, type RedisClient } from '../redis/index.js';
import { monotonicNow } from '../timers.js';
import { infoFields } from './redis-health.js';

/** How often the latency is measured. */
export const PINGS = 10;

export type Field = (name: string) => string;

/** What one server says of itself; without what the user may not ask. */
export interface Facts {
  readonly field?: Field;
  readonly latencyMs?: number;
  readonly clockAheadMs?: number;
}

/** What the user may not ask stays unknown here: the check of its rights says so. */
export async function unlessForbidden<Answer>(asked: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await asked;
  } catch (error) {
    // Wrong credentials forbid everything.
    const isForbidden = isMisconfigured(error) && /\bNOPERM\b/.test(error.message);
    if (isForbidden) return undefined;
    throw error;
  }
}

export async function factsOf(redis: RedisClient, ask: Ask): Promise<Facts> {
  const link = linkTo(redis);
  const took: number[] = [];
  for (let i = 0; i < PINGS; i++) {
    const askedAt = monotonicNow();
    if ((await unlessForbidden(link.send('ping', [], ask))) === undefined) break;
    took.push(monotonicNow() - askedAt);
  }
  const askedAt = Date.now();
  const time = await unlessForbidden(link.send<[string, string]>('time', [], ask));
  const now = (askedAt + Date.now()) / 2;
  const info = await unlessForbidden(link.send<string>('info', [], ask));
  return {
    ...(info !== undefined && { field: infoFields(info) }),
    ...(took.length === PINGS && { latencyMs: took.toSorted((a, b) => a - b)[PINGS / 2]! }),
    ...(time && { clockAheadMs: Number(time[0]) * 1000 + Number(time[1]) / 1000 - now }),
  };
}
