import { linkTo, type RedisClient, routeToEachServer } from '../redis/index.js';
import { monotonicNow } from '../timers.js';
import { messageWithCause } from './with-cause.js';

/** How Redis is, as this process sees it; plain JSON. */
export type RedisHealth =
  | { readonly isAvailable: false; readonly cause: string }
  | {
      readonly isAvailable: true;
      readonly latencyMs: number;
      readonly version: string;
      readonly memoryBytes: number;
      /** 0 without a limit. */
      readonly maxMemoryBytes: number;
      readonly evictionPolicy: string;
      readonly evictedKeys: number;
      readonly clients: number;
      readonly commandsPerSecond: number;
    };

/** Asks Redis how it is. Never rejects. Of a Cluster: the sums of its primaries, and the slowest of them. */
export async function redisHealth(redis: RedisClient, timeoutMs: number): Promise<RedisHealth> {
  try {
    const routes = [...routeToEachServer(redis).values()];
    const servers = await Promise.all(routes.map((routeBy) => healthOf(redis, timeoutMs, routeBy)));
    const sum = (name: string) => servers.reduce((total, { field }) => total + (Number(field(name)) || 0), 0);
    const { field } = servers[0]!;
    return {
      isAvailable: true,
      latencyMs: Math.round(Math.max(...servers.map(({ latencyMs }) => latencyMs)) * 100) / 100,
      version: field('redis_version'),
      memoryBytes: sum('used_memory'),
      maxMemoryBytes: sum('maxmemory'),
      evictionPolicy: field('maxmemory_policy'),
      evictedKeys: sum('evicted_keys'),
      clients: sum('connected_clients'),
      commandsPerSecond: sum('instantaneous_ops_per_sec'),
    };
  } catch (error) {
    return { isAvailable: false, cause: messageWithCause(error) };
  }
}

async function healthOf(redis: RedisClient, timeoutMs: number, routeBy: string) {
  const link = linkTo(redis);
  const ask = { timeoutMs, isCheck: true, routeBy };
  const askedAt = monotonicNow();
  const answered = link.send('ping', [], ask).then(() => monotonicNow() - askedAt);
  const [latencyMs, info] = await Promise.all([answered, link.send<string>('info', [], ask)]);
  return { latencyMs, field: infoFields(info) };
}

/** The fields of an answer to INFO, by name; an empty text for a field that it lacks. */
export function infoFields(info: string): (name: string) => string {
  const fields = new Map(
    info
      .split('\r\n')
      .filter((line) => line.includes(':'))
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
  );
  return (name) => fields.get(name) ?? '';
}
