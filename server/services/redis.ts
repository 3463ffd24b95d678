import { type RunningRedis, startRedisServer } from '../../src/testing/index.js';
import { redisBinary } from './redis-binary.js';

/** Starts a Redis of our own on 127.0.0.1, without persistence. Installs it first where that is possible. */
export async function startRedis({
  log = () => {},
}: {
  log?: (line: string) => void;
} = {}): Promise<RunningRedis> {
  const redis = await startRedisServer({ command: await redisBinary(log) });
  log(`Redis: running on ${redis.url} (pid ${redis.pid})`);
  return redis;
}
