import type { Request } from 'express';
import type { Redis } from 'ioredis';
import { Redis as Observer } from 'ioredis';
import { onTestFinished } from 'vitest';
import { cacheAside } from '../../../../src/cache-aside/cache-aside.js';
import { closeRedis, connectRedis } from '../../../../src/redis/connect.js';
import { eventually } from '../../../support/eventually.js';
import { quiet } from '../../support/redis-for-file.js';
import { type AskOptions, type Reply, serveRow } from './cache-client.js';

export type Mode = 'validated' | 'tracked';

export interface NearApp extends Awaited<ReturnType<typeof serveRow>> {
  redis: Redis;
  /** Asks until the answer comes from the memory of the process, and in `tracked` without a question to Redis. */
  settle(path?: string, options?: AskOptions): Promise<Reply>;
  /** How many commands the app's client sends while something is done. */
  commandsOf(act: () => Promise<unknown>): Promise<number>;
}

export const isNear = ({ headers }: Reply): boolean =>
  /;\s*hit.*detail=near/.test(`${headers['cache-status']}`);

/** Counts what leaves through a client. */
export function countingCommands(redis: Redis): { count: number } {
  const sent = { count: 0 };
  const { sendCommand } = redis;
  redis.sendCommand = ((...args: Parameters<typeof sendCommand>) => {
    sent.count++;
    return sendCommand.apply(redis, args);
  }) as typeof sendCommand;
  return sent;
}

/** A site of one row with a near cache, over a client of its own, as another process would have. */
export async function serveNear(
  url: string,
  mode: Mode,
  { row, ...given }: Partial<Parameters<typeof serveRow>[0]> & { row?: { value: number } } = {},
): Promise<NearApp> {
  const redis = given.redis ?? connectRedis({ url, logger: quiet });
  onTestFinished(() => closeRedis(redis, { timeoutMs: 100 }));
  const app = await serveRow({
    ...(row && {
      handler: (_req, res) => void res.send(String(row.value)),
      mutate: (_req, res) => void res.send(String(++row.value)),
    }),
    ...given,
    redis,
    cache: { nearCache: { maxBytes: 10_000_000, mode }, ...given.cache },
  });
  const sent = countingCommands(redis);
  const commandsOf = async (act: () => Promise<unknown>) => {
    const before = sent.count;
    await act();
    return sent.count - before;
  };
  const settle = async (path = '/thing', options?: AskOptions) => {
    let last: Reply | undefined;
    const once = async () => {
      last = await app.get(path, options);
    };
    await eventually('a near hit', async () => {
      const commands = await commandsOf(once);
      return isNear(last!) && (mode === 'validated' || commands === 0);
    });
    return last!;
  };
  return { ...app, redis, settle, commandsOf };
}

/** Two processes' worth of near caches over one Redis and one database row, and somebody with redis-cli. */
export async function twoProcesses(url: string, mode: Mode) {
  const row = { value: 0 };
  // They listen on different ports, which would make different URLs.
  const cache = { key: (req: Request) => req.url };
  const [first, second] = await Promise.all([
    serveNear(url, mode, { row, cache }),
    serveNear(url, mode, { row, cache }),
  ]);
  const cli = new Observer(url);
  onTestFinished(() => cli.disconnect());
  return { first, second, row, cli, aside: cacheAside({ redis: cli, logger: quiet }) };
}
