import type { RedisClient } from '../redis/index.js';
import { monotonicNow } from '../timers.js';

const heldLocks = new WeakMap<RedisClient, Set<{ readonly resource: string; readonly since: number }>>();

/** Notes that this process holds a lock. Returns a function that notes its end. */
export function noteHeld(redis: RedisClient, resource: string): () => void {
  const ofClient = heldLocks.get(redis) ?? new Set();
  heldLocks.set(redis, ofClient);
  const held = { resource, since: monotonicNow() };
  ofClient.add(held);
  return () => void ofClient.delete(held);
}

/** The locks that this process holds, the oldest first. */
export const locksHeldBy = (redis: RedisClient): { resource: string; heldMs: number }[] =>
  [...(heldLocks.get(redis) ?? [])].map(({ resource, since }) => ({
    resource,
    heldMs: Math.round(monotonicNow() - since),
  }));
