import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';

const PROBE_PATIENCE_MS = 600;
const LONGEST_PATIENCE_MS = 10_000;

/**
 * One socket to one Redis server, watched while it does not answer. It replaces a socket that has gone deaf
 * (a failover that left no FIN, a middlebox that drops packets) and does not wait for a long `retryStrategy`,
 * so that service is back within a second of Redis' return whatever the client's settings are.
 */
export class ServerConnection {
  readonly name: string;
  readonly #redis: Redis;
  #closedByOwner = false;
  #handshakes = 0;

  constructor(redis: Redis) {
    this.#redis = redis;
    this.name = `${redis.options.host ?? 'localhost'}:${redis.options.port ?? 6379}`;
    // ioredis forgets that quit() was called as soon as the socket has closed; a client that its owner closed
    // must not be brought back.
    const noteClosing = () => {
      redis.stream?.prependOnceListener('close', () => {
        this.#closedByOwner = (redis as unknown as { manuallyClosing?: boolean }).manuallyClosing === true;
      });
    };
    redis.on('connect', noteClosing);
    if (redis.status === 'connect' || redis.status === 'ready') noteClosing();
  }

  get isReady(): boolean {
    return this.#redis.status === 'ready';
  }

  /** Asks whether the server answers, and mends the connection when it does not. Never rejects. */
  async probe(): Promise<boolean> {
    switch (this.#redis.status) {
      case 'ready':
        return (await this.#answersWithin(PROBE_PATIENCE_MS)) || this.#replaceSocket();
      case 'connecting':
      case 'connect':
        return this.#connectsWithin(this.#patience()).then((connected) => connected || this.#replaceSocket());
      default:
        if (!this.#closedByOwner) this.#redis.connect().catch(() => undefined);
        return false;
    }
  }

  // Over a slow link a TLS handshake can take longer than the patience; waiting longer every few attempts lets
  // it through in the end.
  #patience(): number {
    return Math.min(PROBE_PATIENCE_MS * 2 ** Math.floor(this.#handshakes++ / 10), LONGEST_PATIENCE_MS);
  }

  async #answersWithin(patienceMs: number): Promise<boolean> {
    this.#handshakes = 0;
    const nonce = randomUUID();
    const answer = this.#redis.echo(nonce).then(
      (reply) => reply === nonce,
      () => false,
    );
    return Promise.race([answer, after(patienceMs)]);
  }

  #connectsWithin(patienceMs: number): Promise<boolean> {
    const redis = this.#redis;
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        redis.off('ready', done).off('close', done);
        resolve(redis.status === 'ready');
      };
      const timer = setTimeout(done, patienceMs);
      timer.unref();
      redis.on('ready', done).on('close', done);
    });
  }

  #replaceSocket(): false {
    // Not disconnect(): it ends the socket politely, and waits for a FIN that a deaf peer never sends.
    if (this.#redis.status !== 'end') this.#redis.stream?.destroy();
    return false;
  }
}

function after(ms: number): Promise<false> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(false), ms).unref();
  });
}
