import { linkTo, type RedisClient, routeToEachServer } from '../redis/index.js';

const GLOB = /[*?[\]\\]/g;

/**
 * The ids of the processes that are connected: each listens to a channel of its own, which begins with `channel`. Whoever
 * has gone has none, whoever is frozen still has. A node of a Cluster knows only its own listeners, so all are asked.
 */
export async function connectedProcesses(
  redis: RedisClient,
  channel: string,
  timeoutMs: number,
): Promise<Set<string>> {
  const args = ['CHANNELS', `${channel.replace(GLOB, '\\$&')}*`];
  const asked = [...routeToEachServer(redis).values()].map((routeBy) =>
    linkTo(redis).send<string[]>('pubsub', args, { timeoutMs, isCheck: true, routeBy }),
  );
  return new Set((await Promise.all(asked)).flat().map((name) => name.slice(channel.length)));
}
