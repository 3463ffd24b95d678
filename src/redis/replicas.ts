import type { Cluster } from 'ioredis';
import { ToolkitError } from '../errors.js';
import type { RedisClient } from './client.js';
import { linkTo } from './link.js';
import { hashSlotOf, ownerOf } from './servers/cluster-connection.js';

/**
 * Waits until the wanted number of replicas has the writes of this client to some keys (`WAIT`), for at most half of the
 * deadline. The connection takes no other command during that time.
 *
 * @throws ToolkitError `REDIS_UNAVAILABLE` when fewer have it in time
 */
export function replicasOf(redis: RedisClient, wanted: number) {
  const link = linkTo(redis);
  const ownerOfKey = (key: string) =>
    redis.isCluster ? ownerOf(redis as Cluster, hashSlotOf(redis, key)) : undefined;

  return async function haveHeard(keys: readonly string[], timeoutMs: number): Promise<void> {
    if (wanted === 0) return;
    const onePerServer = new Map(keys.map((key) => [ownerOfKey(key), key])).values();
    const patienceMs = Math.ceil(timeoutMs / 2);
    const heard = await Promise.all(
      [...onePerServer].map((routeBy) =>
        link.send<number>('wait', [wanted, patienceMs], { timeoutMs, routeBy }),
      ),
    );
    const least = Math.min(...heard);
    if (least >= wanted) return;
    throw new ToolkitError(
      'REDIS_UNAVAILABLE',
      `${least} of ${wanted} replicas acknowledged the write within ${patienceMs} ms (waitForReplicas)`,
    );
  };
}
