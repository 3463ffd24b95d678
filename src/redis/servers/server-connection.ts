import { randomUUID } from 'node:crypto';
import { Command, type Redis } from 'ioredis';
import { clearInterval, clearTimeout, monotonicNow, setInterval, setTimeout } from '../../timers.js';
import { COMMANDS_FAIL, type Server } from './availability.js';

const PATIENCE_MS = 600;
const LOOK_EVERY_MS = 50;

/**
 * The connection of a client to its one Redis server, watched while it does not answer, so that service is back
 * within a second of Redis' return whatever the client's settings are.
 */
export class ServerConnection implements Server {
  readonly name: string;
  readonly trouble = COMMANDS_FAIL;
  readonly #redis: Redis;
  #closedByOwner = false;

  constructor(redis: Redis) {
    this.#redis = redis;
    this.name = serverName(redis);
    // ioredis forgets that quit() was called as soon as the socket has closed, and a client that the application closed
    // must not be connected again.
    const noteClosing = () => {
      redis.stream?.prependOnceListener('close', () => {
        this.#closedByOwner = isClosing(redis);
      });
    };
    redis.on('connect', noteClosing);
    if (redis.status === 'connect' || redis.status === 'ready') noteClosing();
  }

  async probe(): Promise<boolean> {
    return this.#wasClosed ? this.#redis.status === 'ready' : probeConnection(this.#redis);
  }

  get closedByOwner(): boolean {
    return this.#wasClosed && this.#redis.status !== 'ready';
  }

  // A client that was closed while it had no socket keeps its mark.
  get #wasClosed(): boolean {
    return this.#closedByOwner || isClosing(this.#redis);
  }
}

/**
 * Asks a server for a sign of life. It replaces a socket whose peer is gone without a FIN (a failover, a middlebox that
 * drops packets) and does not wait for a long `retryStrategy`. Never rejects.
 */
export async function probeConnection(redis: Redis): Promise<boolean> {
  switch (redis.status) {
    case 'ready':
      return (await answersInTime(redis)) || replaceSocket(redis);
    case 'connecting':
    case 'connect':
      return (await connectsInTime(redis)) || replaceSocket(redis);
    default:
      reconnectNow(redis);
      return false;
  }
}

/** Connects without waiting for the client's own timer, which would otherwise fire even after a later disconnect(). */
export function reconnectNow(client: { connect(): Promise<unknown> }): void {
  const waiting = client as unknown as { reconnectTimeout?: NodeJS.Timeout | null };
  if (waiting.reconnectTimeout) clearTimeout(waiting.reconnectTimeout);
  waiting.reconnectTimeout = null;
  client.connect().catch(() => undefined);
}

function answersInTime(redis: Redis): Promise<boolean> {
  const nonce = randomUUID();
  // Not redis.echo(): auto-pipelining would put it behind a pipeline that may never be answered.
  const echo = new Command('echo', [nonce], { replyEncoding: 'utf8' });
  redis.sendCommand(echo);
  const answer = echo.promise.then(
    (reply) => reply === nonce,
    () => false,
  );
  const patience = new Promise<false>((resolve) => {
    setTimeout(() => resolve(false), PATIENCE_MS).unref();
  });
  return Promise.race([answer, patience]);
}

// A TLS handshake over a slow link may take longer than the patience: the wait goes on as long as bytes arrive.
export function connectsInTime(redis: Redis): Promise<boolean> {
  return new Promise((resolve) => {
    let seen = '';
    let seenAt = 0;
    const look = () => {
      const progress = `${redis.status} ${redis.stream?.bytesRead}`;
      if (progress !== seen) seenAt = monotonicNow();
      seen = progress;
      if (monotonicNow() - seenAt > PATIENCE_MS) done();
    };
    const done = () => {
      clearInterval(timer);
      redis.off('ready', done).off('close', done);
      resolve(redis.status === 'ready');
    };
    const timer = setInterval(look, LOOK_EVERY_MS);
    timer.unref();
    look();
    redis.on('ready', done).on('close', done);
  });
}

// disconnect() would end the socket politely, and wait for a FIN that a dead peer never sends.
function replaceSocket(redis: Redis): false {
  if (redis.status !== 'end') redis.stream?.destroy();
  return false;
}

function isClosing(redis: Redis): boolean {
  return (redis as unknown as { manuallyClosing?: boolean }).manuallyClosing === true;
}

export function serverName({ options }: Redis): string {
  if (options.sentinels) return `${options.name} (by Sentinel)`;
  return options.path ?? `${options.host}:${options.port}`;
}
