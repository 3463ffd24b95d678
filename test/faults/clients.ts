import { Redis, type RedisOptions } from 'ioredis';
import type { Logger } from '../../src/logger.js';
import { connectRedis } from '../../src/redis/connect.js';
import { linkTo } from '../../src/redis/link.js';

export interface LogLine {
  level: 'info' | 'warn' | 'error';
  message: string;
}

export function recordingLogger(): Logger & { lines: LogLine[] } {
  const lines: LogLine[] = [];
  const note = (level: LogLine['level']) => (_fields: object, message: string) => {
    lines.push({ level, message });
  };
  return { lines, info: note('info'), warn: note('warn'), error: note('error') };
}

const SETTINGS: Record<string, RedisOptions> = {
  'ioredis defaults': {},
  'no offline queue': { enableOfflineQueue: false },
  'commands wait for ever': { maxRetriesPerRequest: null },
  'no retry per request': { maxRetriesPerRequest: 0 },
  'no reconnecting': { retryStrategy: null },
  'reconnecting after 10 s': { retryStrategy: () => 10_000 },
  'lazy connection': { lazyConnect: true },
  'unanswered commands sent again': { autoResendUnfulfilledCommands: true, maxRetriesPerRequest: null },
  'never sent again, never given up': { autoResendUnfulfilledCommands: false, maxRetriesPerRequest: null },
  'a command timeout': { commandTimeout: 60 },
  'auto-pipelining': { enableAutoPipelining: true },
  'auto-pipelining, never sent again': { enableAutoPipelining: true, autoResendUnfulfilledCommands: false },
  'a key prefix': { keyPrefix: 'shop:' },
  RESP2: { protocol: 2 },
  'no ready check': { enableReadyCheck: false },
};

/** A client of every kind that an owner may bring, connected to the port. */
export function everyClient(
  port: number,
): { name: string; client: Redis; logger: Logger & { lines: LogLine[] } }[] {
  const clients = Object.entries(SETTINGS).map(([name, options]) => ({
    name,
    client: new Redis({ host: '127.0.0.1', port, ...options }),
    logger: recordingLogger(),
  }));
  for (const { client, logger } of clients) linkTo(client, logger);
  const logger = recordingLogger();
  const ours = connectRedis({ url: `redis://127.0.0.1:${port}`, logger });
  return [{ name: 'connectRedis', client: ours, logger }, ...clients];
}
