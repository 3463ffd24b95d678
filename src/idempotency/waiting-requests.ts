import { isUnavailable } from '../errors.js';
import { onAbort } from '../listeners.js';
import type { RedisClient } from '../redis/index.js';
import { type Look, lookUntilReleased } from '../subscriptions/index.js';
import { clearTimeout, monotonicNow, setTimeout } from '../timers.js';
import type { AttemptOutcome, FoundAttempt, RunsElsewhere } from './attempt-outcome.js';

/** How long a request waits. */
export interface WaitTerms {
  readonly withinMs: number;
  /** Ends the wait when aborted: the client has left. */
  readonly signal: AbortSignal;
}

/** The questions and answers of those that wait. */
interface Waited {
  readonly redis: RedisClient;
  readonly channelOf: (id: string) => string;
  readonly take: (id: string, fingerprint: string, mayBeLost: boolean) => Promise<FoundAttempt>;
  readonly giveBack: (id: string, token: string) => void;
}

/** A request that waits: it is told what it has to do, or that this could not be found out. */
interface WaitingRequest {
  leave(outcome: AttemptOutcome): void;
  fail(error: unknown): void;
}

/** The requests of this process that wait while an attempt at the same request runs. */
export class WaitingRequests {
  readonly #queues = new Map<string, WaitingQueue>();

  constructor(readonly waited: Waited) {}

  /** `running` when the attempt has not ended in this time. */
  outcome(
    id: string,
    fingerprint: string,
    running: RunsElsewhere,
    terms: WaitTerms,
  ): Promise<AttemptOutcome> {
    if (terms.signal.aborted) return Promise.resolve(running);
    const name = `${id} ${fingerprint}`;
    const joined = this.#queues.get(name);
    if (joined) return joined.join(running, terms);
    const queue = new WaitingQueue(id, fingerprint, this.waited, () => this.#queues.delete(name));
    this.#queues.set(name, queue);
    const outcome = queue.join(running, terms);
    void queue.watch();
    return outcome;
  }
}

/**
 * Equal requests, in the order in which they came. One question is asked for all, so that the end of an attempt costs one
 * command per process. All get its answer; if there is none, the first of them runs and the others wait on.
 */
class WaitingQueue {
  readonly #waiting = new Set<WaitingRequest>();
  readonly #allLeft = new AbortController();
  /** When the lease of the attempt ends, as far as is known. */
  #leaseEnds = 0;

  constructor(
    readonly id: string,
    readonly fingerprint: string,
    readonly waited: Waited,
    readonly onEmpty: () => void,
  ) {}

  join({ leftMs }: RunsElsewhere, { withinMs, signal }: WaitTerms): Promise<AttemptOutcome> {
    this.#leaseEnds = monotonicNow() + leftMs;
    return new Promise((resolve, reject) => {
      const leaving = (settle: () => void) => {
        clearTimeout(timer);
        removeAbort();
        this.#waiting.delete(request);
        if (this.#waiting.size === 0) this.#end();
        settle();
      };
      const request: WaitingRequest = {
        leave: (outcome) => leaving(() => resolve(outcome)),
        fail: (error) => leaving(() => reject(error as Error)),
      };
      const giveUp = () => request.leave(this.#stillRunning());
      const timer = setTimeout(giveUp, withinMs);
      const removeAbort = onAbort(signal, giveUp);
      this.#waiting.add(request);
    });
  }

  async watch(): Promise<void> {
    const { redis, channelOf } = this.waited;
    try {
      const signal = this.#allLeft.signal;
      await lookUntilReleased(redis, channelOf(this.id), () => this.#look(), { signal });
    } catch (error) {
      // The client is closed: another process may answer the retry.
      for (const request of this.#waiting) {
        if (isUnavailable(error)) request.leave(this.#stillRunning());
        else request.fail(error);
      }
    }
  }

  async #look(): Promise<Look<true>> {
    const found = await this.#take();
    if (!found || found.state === 'missing') return { expiresInMs: this.#leftMs() };
    switch (found.state) {
      case 'running':
        this.#leaseEnds = monotonicNow() + found.leftMs;
        return { expiresInMs: found.leftMs };
      case 'run': {
        const [first] = this.#waiting;
        if (first) first.leave(found);
        else this.waited.giveBack(this.id, found.token);
        return { expiresInMs: 0 };
      }
      default:
        for (const request of this.#waiting) request.leave(found);
        return { end: true, expiresInMs: 0 };
    }
  }

  /** Undefined while Redis does not answer: the attempt may go on all the same. */
  async #take(): Promise<FoundAttempt | undefined> {
    try {
      return await this.waited.take(this.id, this.fingerprint, this.#leftMs() > 0);
    } catch (error) {
      if (isUnavailable(error)) return undefined;
      throw error;
    }
  }

  #leftMs(): number {
    return this.#leaseEnds - monotonicNow();
  }

  #stillRunning(): RunsElsewhere {
    return { state: 'running', leftMs: Math.max(0, this.#leftMs()) };
  }

  #end(): void {
    this.#allLeft.abort();
    this.onEmpty();
  }
}
