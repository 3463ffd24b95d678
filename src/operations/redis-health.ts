import { linkTo, type RedisClient } from '../redis/index.js';
import { monotonicNow } from '../timers.js';

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

/** Asks Redis how it is. Never rejects. In a Cluster one of its nodes answers. */
export async function redisHealth(redis: RedisClient, timeoutMs: number): Promise<RedisHealth> {
  const link = linkTo(redis);
  const ask = { timeoutMs, isCheck: true };
  const askedAt = monotonicNow();
  try {
    const answered = link.send('ping', [], ask).then(() => monotonicNow() - askedAt);
    const [latencyMs, info] = await Promise.all([answered, link.send<string>('info', [], ask)]);
    const field = infoFields(info);
    const number = (name: string) => Number(field(name)) || 0;
    return {
      isAvailable: true,
      latencyMs: Math.round(latencyMs * 100) / 100,
      version: field('redis_version'),
      memoryBytes: number('used_memory'),
      maxMemoryBytes: number('maxmemory'),
      evictionPolicy: field('maxmemory_policy'),
      evictedKeys: number('evicted_keys'),
      clients: number('connected_clients'),
      commandsPerSecond: number('instantaneous_ops_per_sec'),
    };
  } catch (error) {
    return { isAvailable: false, cause: (error as Error).message };
  }
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
