import type { Redis, RedisOptions } from 'ioredis';
import { ToolkitError } from '../errors.js';
import { keys } from '../keys.js';
import { connectionChecks, oneOf, readOptions } from '../read-options.js';
import type { RedisClient } from '../redis/index.js';

const QUEUE_TIMEOUT_MS = 1_000;

// Where the server is, and the credentials. BullMQ has its own settings of how commands are sent.
const WHEREABOUTS = [
  'host',
  'port',
  'path',
  'family',
  'username',
  'password',
  'db',
  'tls',
  'connectTimeout',
  'keepAlive',
  'sentinels',
  'name',
  'sentinelUsername',
  'sentinelPassword',
  'sentinelTLS',
  'enableTLSForSentinelMode',
  'natMap',
  'reconnectOnError',
] as const satisfies readonly (keyof RedisOptions)[];

type Whereabouts = Pick<RedisOptions, (typeof WHEREABOUTS)[number]>;

/** Options for BullMQ's `Queue` and `Worker`, to be combined with others. */
export interface BullOptions {
  prefix: string;
  skipWaitingForReady: boolean;
  connection: Whereabouts & {
    retryStrategy(attempt: number): number;
    enableOfflineQueue: boolean;
    maxRetriesPerRequest: number | null;
    commandTimeout?: number;
    skipVersionCheck: boolean;
  };
}

/**
 * Options with which BullMQ opens its own connections to the server of a client, and keeps its keys under
 * `queue:<name>`. A `queue` fails within a second when Redis does not answer, and at once when it is not connected,
 * because a request is waiting. A `worker` waits for Redis without limit. In a Cluster BullMQ needs its own client.
 *
 * @example
 * const queue = new Queue('email-notifications', bullOptions(redis, 'queue'));
 * const worker = new Worker('email-notifications', send, { ...bullOptions(redis, 'worker'), concurrency: 5 });
 * @throws ToolkitError `OPTION_INVALID`
 */
export function bullOptions(redis: RedisClient, role: 'queue' | 'worker'): BullOptions {
  const checks = { redis: connectionChecks.redis, role: oneOf('queue', 'worker') };
  readOptions('bullOptions', { redis, role }, checks, {}, ['redis', 'role']);
  if (redis.isCluster) {
    const hint = 'give BullMQ a Cluster of its own, and a prefix in braces such as "{queue}"';
    throw new ToolkitError('OPTION_INVALID', `bullOptions: option "redis" is a Cluster: ${hint}`);
  }
  const { options } = redis as Redis;
  const isQueue = role === 'queue';
  return {
    // BullMQ refuses ioredis' keyPrefix, which its scripts would not apply.
    prefix: keys(options.keyPrefix).queues(),
    // A request must not hang before the first connection either, and BullMQ's version check would fail for good then.
    skipWaitingForReady: isQueue,
    connection: {
      ...whereabouts(options),
      retryStrategy: (attempt) => Math.min(attempt * 50, 500),
      enableOfflineQueue: !isQueue,
      maxRetriesPerRequest: isQueue ? 0 : null,
      ...(isQueue && { commandTimeout: QUEUE_TIMEOUT_MS }),
      skipVersionCheck: isQueue,
    },
  };
}

function whereabouts(options: RedisOptions): Whereabouts {
  return Object.fromEntries(WHEREABOUTS.map((name) => [name, options[name]]));
}
