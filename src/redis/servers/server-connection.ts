import { Command, type Redis } from 'ioredis';
import { addListener, raiseLimit } from '../../listeners.js';
import { clearInterval, clearTimeout, setInterval } from '../../timers.js';
import { Deadlines } from '../deadlines.js';
import { endsService } from '../failures.js';
import { becomesReady } from './becomes-ready.js';
import { COMMANDS_FAIL, type Server } from './outage-detection.js';
import { forgetNonce, newNonce } from './probe-nonces.js';
import { leadsToPrimary } from './second-connection.js';

const ASK_AGAIN_MS = 200;

const deadlines = new Deadlines();

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
      if (redis.stream) raiseLimit(redis.stream, 1);
      redis.stream?.prependOnceListener('close', () => {
        this.#closedByOwner = isClosing(redis);
      });
    };
    addListener(redis, 'connect', noteClosing);
    if (redis.status === 'connect' || redis.status === 'ready') noteClosing();
  }

  async probe(patienceMs: number): Promise<boolean> {
    return this.#wasClosed ? this.#redis.status === 'ready' : probeConnection(this.#redis, patienceMs);
  }

  /**
   * After a failover without Sentinel (a name or an address that leads to another server) the old primary keeps its
   * connections and refuses writes. A second connection shows where a new one leads.
   */
  async leaveReplica(): Promise<boolean> {
    const { stream } = this.#redis;
    if (!(await leadsToPrimary(this.#redis))) return false;
    if (this.#wasClosed || this.#redis.stream !== stream || this.#redis.status !== 'ready') return false;
    replaceSocket(this.#redis);
    return true;
  }

  replaceConnection(): void {
    replaceSocket(this.#redis);
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
export async function probeConnection(redis: Redis, patienceMs: number): Promise<boolean> {
  switch (redis.status) {
    case 'ready':
      return (await answersInTime(redis, patienceMs)) || replaceSocket(redis);
    case 'connecting':
    case 'connect':
      return (await becomesReady(redis, patienceMs)) || replaceSocket(redis);
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

/**
 * Whether the server answers. The question is asked again every 200 ms, because one may be lost. Bytes of a long answer
 * before it also count as a sign of life.
 */
function answersInTime(redis: Redis, patienceMs: number): Promise<boolean> {
  const { stream } = redis;
  return new Promise((resolve) => {
    let bytes = stream?.bytesRead;
    let isRefused = false;
    const ask = () => {
      // A socket that closes leaves the client with it until the client connects again, perhaps in ten seconds.
      if (redis.stream !== stream || redis.status !== 'ready') return done(false);
      void echo(redis).then((reply) => {
        isRefused = reply === 'refused';
        if (reply === 'answered') done(true);
        if (reply === 'wrong') done(false);
      });
    };
    const patience = {
      settled: false,
      expire: () => {
        const isSilent = isRefused || redis.stream !== stream || stream?.bytesRead === bytes;
        if (isSilent) return done(false);
        bytes = stream?.bytesRead;
        deadlines.add(patience, patienceMs);
      },
    };
    const done = (answers: boolean) => {
      patience.settled = true;
      clearInterval(timer);
      resolve(answers);
    };
    const timer = setInterval(ask, ASK_AGAIN_MS);
    timer.unref();
    deadlines.add(patience, patienceMs);
    ask();
  });
}

async function echo(redis: Redis): Promise<'answered' | 'refused' | 'lost' | 'wrong'> {
  const nonce = newNonce();
  // Not redis.echo(): auto-pipelining would put it behind a pipeline that may never be answered.
  const command = new Command('echo', [nonce], { replyEncoding: 'utf8' });
  redis.sendCommand(command);
  try {
    return (await command.promise) === nonce ? 'answered' : 'wrong';
  } catch (error) {
    if ((error as Error).name !== 'ReplyError') return 'lost';
    // An ACL that forbids ECHO is an answer, too.
    return endsService(error as Error) ? 'refused' : 'answered';
  } finally {
    forgetNonce(nonce);
  }
}

// disconnect() would end the socket politely, and wait for a FIN that a dead peer never sends.
export function replaceSocket(redis: Redis): false {
  if (redis.status !== 'end') redis.stream?.destroy();
  return false;
}

function isClosing(redis: Redis): boolean {
  return (redis as unknown as { manuallyClosing?: boolean }).manuallyClosing === true;
}

function serverName({ options }: Redis): string {
  if (options.sentinels) return `${options.name} (by Sentinel)`;
  return options.path ?? `${options.host}:${options.port}`;
}
