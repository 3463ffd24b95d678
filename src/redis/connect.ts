import { type Cluster, Redis, type RedisOptions } from 'ioredis';
import { ToolkitError } from '../errors.js';
import type { Logger } from '../logger.js';
import { aLogger, aPositiveInteger, aWholeNumber, readOptions } from '../read-options.js';
import { isThenable } from '../settle.js';
import { clearTimeout, setTimeout } from '../timers.js';
import type { RedisClient } from './client.js';
import { linkTo } from './link.js';

export type { RedisClient };

/** ioredis' own options, and where to connect and to log. */
export interface ConnectRedisOptions extends RedisOptions {
  /**
   * `redis://`, `rediss://` (TLS) or a socket's path.
   * @default process.env.REDIS_URL, then redis://127.0.0.1:6379
   */
  readonly url?: string;
  /**
   * Receives one message per outage, and one at its end. pino and console fit.
   * @default console
   */
  readonly logger?: Logger;
}

/**
 * Opens the one client that everything shares. Auto-pipelining is on. Commands that are unanswered when a connection
 * breaks are not sent again: a charge or an increment would count twice. Connection errors are handled, and logged once
 * per outage; the client reconnects by itself.
 *
 * @example
 * const redis = connectRedis();                                   // REDIS_URL
 * const other = connectRedis({ url: 'rediss://cache.internal', db: 2 });
 * @throws ToolkitError `OPTION_INVALID` when the target is neither a URL nor options
 */
export function connectRedis(target: string | ConnectRedisOptions = {}): Redis {
  const { url, logger, ...given } = readTarget(target);
  const options: RedisOptions = {
    // For the operator, in CLIENT LIST. It must not contain spaces.
    connectionName: 'express-redis-toolkit',
    enableAutoPipelining: true,
    // Fails unanswered commands when the connection breaks. autoResendUnfulfilledCommands: false would leave them
    // pending for ever, and every auto-pipelined command behind them.
    maxRetriesPerRequest: 0,
    // After a failover the old primary answers READONLY until its connections are closed.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    retryStrategy: (attempt) => Math.min(attempt * 50, 500),
    ...given,
    // Up to 5.8.2 ioredis puts its own CLIENT SETNAME into the pipeline of the application, before the connection is ready.
    autoPipeliningIgnoredCommands: ['client', ...(given.autoPipeliningIgnoredCommands ?? [])],
  };
  const address = url ?? (given.host || given.path || given.sentinels ? undefined : process.env.REDIS_URL);
  const client = address === undefined ? new Redis(options) : new Redis(address, options);
  linkTo(client, logger);
  return client;
}

function readTarget(target: string | ConnectRedisOptions): ConnectRedisOptions {
  if (typeof target === 'string') return readTarget({ url: target });
  if (target === null || typeof target !== 'object' || Array.isArray(target) || isThenable(target))
    throw new ToolkitError('OPTION_INVALID', 'connectRedis: give a URL or an object of options');
  const of = target as Record<string, unknown>;
  const refused = (name: string, why: string) =>
    new ToolkitError('OPTION_INVALID', `connectRedis: option "${name}" ${why}`);
  const complaint = target.logger === undefined ? undefined : aLogger(target.logger);
  if (complaint) throw refused('logger', complaint);
  if (target.url !== undefined && (typeof target.url !== 'string' || !isAddress(target.url)))
    throw refused('url', 'must be a URL such as redis://localhost:6379, or the path of a socket');
  // ioredis takes any name. These of node-redis would be lost, and the client connects to this machine.
  if (of.socket !== undefined) throw refused('socket', 'is one of node-redis: use "host", "port" and "tls"');
  if (of.database !== undefined) throw refused('database', 'is one of node-redis: use "db"');
  return target;
}

// An environment variable that is set to nothing counts as not set.
function isAddress(url: string): boolean {
  return (
    url === '' ||
    url.startsWith('/') ||
    (!/\s/.test(url) && URL.canParse(url.includes('://') ? url : `redis://${url}`))
  );
}

/** How `closeRedis` ends a client. */
export interface CloseRedisOptions {
  /**
   * Milliseconds to wait for commands in flight, for purges that Redis has not acknowledged and for the answer to QUIT.
   * @default 2000
   */
  readonly timeoutMs?: number;
}

/**
 * Waits for the commands in flight, and for purges that Redis has not acknowledged yet, then closes the connection. It
 * rejects for wrong arguments alone, and never takes longer than `timeoutMs`: then the connection is closed without an
 * answer.
 *
 * @example
 * process.once('SIGTERM', () => closeRedis(redis));
 * @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN`
 */
export async function closeRedis(client: RedisClient, given: CloseRedisOptions = {}): Promise<void> {
  const { timeoutMs } = readOptions('closeRedis', given, closeChecks, { timeoutMs: 2000 });
  checkClient('closeRedis', client);
  const link = linkTo(client);
  let timer: NodeJS.Timeout | undefined;
  const goodbye = link
    .closeDependents()
    .then(() => link.drained())
    .then(() => (client.status === 'ready' ? client.quit() : undefined))
    .catch(() => undefined);
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([goodbye, patience]);
  clearTimeout(timer);
  link.retire();
  if (client.status === 'end') return;
  const connections = client.isCluster ? (client as Cluster).nodes() : [client as Redis];
  const sockets = connections.map(({ stream }) => stream);
  client.disconnect();
  // disconnect() alone waits two more seconds for the FIN of a peer that is frozen.
  for (const socket of sockets) socket?.destroy();
}

const closeChecks = { timeoutMs: aWholeNumber('milliseconds', 3_600_000) };
const pingChecks = { timeoutMs: aPositiveInteger('milliseconds', 60_000) };

function checkClient(method: string, client: RedisClient): void {
  if (typeof (client as Partial<RedisClient> | null | undefined)?.sendCommand === 'function') return;
  throw new ToolkitError(
    'OPTION_INVALID',
    `${method}: the first argument must be an ioredis Redis or Cluster`,
  );
}

/**
 * Resolves when Redis answers, e.g. for a readiness check.
 *
 * @param timeoutMs milliseconds, 250 by default
 * @example
 * await ping(redis, { timeoutMs: 100 });
 * @throws ToolkitError `REDIS_UNAVAILABLE`, `REDIS_MISCONFIGURED`; `OPTION_INVALID`, `OPTION_UNKNOWN`
 */
export async function ping(client: RedisClient, given: { timeoutMs?: number } = {}): Promise<void> {
  const { timeoutMs } = readOptions('ping', given, pingChecks, { timeoutMs: 250 });
  checkClient('ping', client);
  await linkTo(client).send('ping', [], { timeoutMs, isCheck: true });
}
