import type { Redis } from 'ioredis';
import { Deadlines } from '../redis/index.js';
import { clearInterval, monotonicNow, setInterval } from '../timers.js';

const EVERY_MS = 400;
const PATIENCE_MS = 600;

/** A connection that has proved nothing for longer than this is not trusted. */
export const LONGEST_SILENCE_MS = EVERY_MS + PATIENCE_MS;

const deadlines = new Deadlines();

/**
 * Distinguishes a connection on which nothing is published from one whose peer is frozen or cut off: it sends PINGs,
 * and calls the connection silent when not a single byte comes in time.
 */
export class Heartbeat {
  readonly #redis: Redis;
  readonly #onSilence: (cause: Error) => void;
  readonly #timer: NodeJS.Timeout;
  #provenAt = monotonicNow();
  #asking = false;
  #stopped = false;

  constructor(redis: Redis, on: { tick(): void; silence(cause: Error): void }) {
    this.#redis = redis;
    this.#onSilence = on.silence;
    this.#timer = setInterval(() => {
      on.tick();
      if (!this.#asking && !this.#stopped) this.#ask();
    }, EVERY_MS);
    this.#timer.unref();
  }

  /** Everything published before this moment has arrived. */
  get provenAt(): number {
    return this.#provenAt;
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  #ask(): void {
    const askedAt = monotonicNow();
    let bytes = this.#redis.stream?.bytesRead;
    const pending = {
      settled: false,
      expire: () => {
        if (this.#stopped) return;
        const silent = this.#redis.stream?.bytesRead === bytes;
        if (silent) return this.#onSilence(new Error(`the connection was silent for ${PATIENCE_MS} ms`));
        // The answer is queued behind messages that are still coming in.
        bytes = this.#redis.stream?.bytesRead;
        deadlines.add(pending, PATIENCE_MS);
      },
    };
    deadlines.add(pending, PATIENCE_MS);
    this.#asking = true;
    const answered = () => {
      this.#provenAt = askedAt;
    };
    // A failure here also ends the connection, which reports it.
    this.#redis
      .ping()
      .then(answered, () => undefined)
      .finally(() => {
        pending.settled = true;
        this.#asking = false;
      });
  }
}
