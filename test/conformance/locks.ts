import { randomUUID } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { withLock } from '../../src/locks/with-lock.js';
import { closeRedis, type RedisClient } from '../../src/redis/connect.js';
import { eventually } from '../support/eventually.js';
import { holdLock } from '../support/lock-holder.js';

/** What `withLock` promises on every kind of Redis. */
export function locksBehave(open: () => RedisClient): void {
  const options = { ttlMs: 60_000, waitMs: 60_000, timeoutMs: 1_000 };

  describe('withLock', () => {
    test('locks resources of all slots, and numbers their holders', async () => {
      const resources = Array.from({ length: 30 }, () => randomUUID());
      const numbers = () =>
        Promise.all(resources.map((resource) => withLock(open(), resource, options, (hold) => hold.fencing)));
      const [first, second] = [await numbers(), await numbers()];
      expect(second.every((fencing, position) => fencing > first[position]!)).toBe(true);
    });

    test('is waited for by another client, which a release wakes long before the expiry', async () => {
      const other = (open() as Redis).duplicate();
      onTestFinished(() => closeRedis(other, { timeoutMs: 500 }));
      const [resource, prefix] = [randomUUID(), 'shop:'];
      await eventually('it is connected', () => other.status === 'ready');
      const held = await holdLock(open(), resource, { ...options, prefix });
      await expect(
        withLock(other, resource, { ...options, prefix, waitMs: 0 }, () => 'in'),
      ).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' });
      const waited = withLock(other, resource, { ...options, prefix }, () => 'in');
      await eventually('it listens', () => isHeard(other, `*lock-released:${resource}`));
      await held.release();
      expect(await waited).toBe('in');
    });
  });
}

/** Whether somebody listens to a channel of this pattern. */
export async function isHeard(client: RedisClient, pattern: string): Promise<boolean> {
  const nodes = client.isCluster ? (client as Cluster).nodes('master') : [client as Redis];
  const heard = await Promise.all(nodes.map((node) => node.pubsub('CHANNELS', pattern)));
  return heard.flat().length > 0;
}
