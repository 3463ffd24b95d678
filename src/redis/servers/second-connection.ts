import type { Redis, RedisOptions } from 'ioredis';
import { becomesReady } from './becomes-ready.js';
import { SILENCE_MS } from './outage-detection.js';

// The client's own settings of retries, queues and prefixes do not apply to a second connection.
const OWN_SETTINGS: RedisOptions = {
  lazyConnect: true,
  // ioredis drops the `invalidate` pushes of RESP3.
  protocol: 2,
  replyMapping: 'legacy',
  retryStrategy: null,
  sentinelRetryStrategy: () => null,
  reconnectOnError: null,
  maxRetriesPerRequest: 0,
  maxLoadingRetryTime: 100,
  enableOfflineQueue: false,
  enableAutoPipelining: false,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  commandTimeout: undefined,
  socketTimeout: undefined,
  keyPrefix: '',
  readOnly: false,
  monitor: false,
};

/** Opens another connection to the server of a client, and resolves when it is ready. */
export async function connectAnother(
  template: Redis,
  purpose: 'subscriber' | 'check',
  overrides: RedisOptions = {},
): Promise<Redis> {
  const { connectionName } = template.options;
  const named = connectionName ? { connectionName: `${connectionName}:${purpose}` } : {};
  const redis = template.duplicate({ ...OWN_SETTINGS, ...named, ...overrides });
  let cause: Error | undefined;
  redis.on('error', (error: Error) => (cause ??= error));
  const connected = redis.connect().then(
    () => true,
    (error: Error) => {
      cause ??= error;
      return false;
    },
  );
  if (await Promise.race([connected, becomesReady(redis, SILENCE_MS)])) return redis;
  hangUp(redis);
  throw cause ?? new Error('no answer while connecting');
}

/** Closes the socket at once. quit() would wait for the answer of a server that may be frozen. */
export function hangUp(redis: Redis): void {
  if (redis.status === 'end') return;
  const { stream } = redis;
  redis.disconnect();
  stream?.destroy();
}

/** Whether a new connection leads to a server that takes writes. Never rejects. */
export async function leadsToPrimary(template: Redis): Promise<boolean> {
  let redis: Redis | undefined;
  try {
    redis = await connectAnother(template, 'check');
    const [role] = (await redis.role()) as [string];
    return role === 'master';
  } catch {
    return false;
  } finally {
    if (redis) hangUp(redis);
  }
}
