import type { Redis } from 'ioredis';
import { hashId } from '../../../../src/sessions/stored-session.js';

export const keyOf = (id: string) => `session:${hashId(id)}`;

/** Moves a session into the past, as if it had been created and last seen that long ago. */
export async function age(redis: Redis, id: string, { createdMs = 0, seenMs = 0 }): Promise<void> {
  const [created, absolute, idle, seen, bytes] = (await redis.hget(keyOf(id), '@meta'))!
    .split(' ')
    .map(Number);
  const meta = [created! - createdMs, absolute! - createdMs, idle, seen! - seenMs, bytes].join(' ');
  await redis.hset(keyOf(id), '@meta', meta);
  await redis.pexpireat(keyOf(id), Math.min(seen! - seenMs + idle!, absolute! - createdMs));
}
