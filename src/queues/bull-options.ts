import type { Redis, RedisOptions } from 'ioredis';
import { ToolkitError } from '../errors.js';
import { keys } from '../keys.js';
import { connectionChecks, oneOf, readOptions } from '../read-options.js';
import type { RedisClient } from '../redis/index.js';

const QUEUE_TIMEOUT_MS = 1_000;

// Where the server is and who we are. How commands are sent is BullMQ's affair.
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

/** What BullMQ's `Queue` and `Worker` take, among their other options. */
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
 * Options with which BullMQ opens connections of its own to the server of a client, and keeps its keys under
 * `queue:<name>`. A `queue` fails within a second when Redis does not answer, and at once when it is not connected: a
 * request is waiting. A `worker` waits for Redis as long as it takes. In a Cluster BullMQ needs a client of its own.
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
    // BullMQ refuses ioredis' own keyPrefix, because its scripts would not see it.
    prefix: keys(options.keyPrefix).queues(),
    // Before the first connection too a request is not to hang, nor BullMQ's question for the version to fail for good.
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
