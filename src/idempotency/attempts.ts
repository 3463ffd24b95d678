import { randomBytes } from 'node:crypto';
import { isUnavailable } from '../errors.js';
import { keys } from '../keys.js';
import { linkTo, loadScript, OwedReleases, type RedisClient } from '../redis/index.js';
import {
  type AttemptOutcome,
  type FoundAttempt,
  foundAttempt,
  headOf,
  type KeptAnswer,
  keptAnswer,
  type RunsElsewhere,
} from './attempt-outcome.js';
import { WaitingRequests, type WaitTerms } from './waiting-requests.js';

const beginAttempt = loadScript('begin-attempt');
const renewAttempt = loadScript('renew-attempt');
const endAttempt = loadScript('end-attempt');

/** An attempt whose handler runs. */
export interface RunningAttempt {
  readonly id: string;
  readonly token: string;
  readonly fence: number;
  readonly fingerprint: string;
}

export interface AttemptsOptions {
  readonly prefix: string;
  readonly timeoutMs: number;
  readonly leaseMs: number;
  /** How long an answer is kept. */
  readonly keepMs: number;
  readonly onLostLease: 'rerun' | 'refuse';
}

type EndArguments = readonly [token: string, channel: string, ...(string | number | Buffer)[]];

/**
 * Attempts at requests that must happen once, in Redis: one hash per key of a client, with the content's fingerprint and
 * either the lease of the attempt that runs or the answer of the one that is done.
 */
export class Attempts {
  readonly #link;
  readonly #nameOf;
  readonly #channelOf: (id: string) => string;
  readonly #options: AttemptsOptions;
  readonly #owed = new OwedReleases();
  readonly #waiting: WaitingRequests;

  constructor(redis: RedisClient, options: AttemptsOptions) {
    const { idempotency, idempotencyReleased } = keys(options.prefix);
    this.#link = linkTo(redis);
    this.#nameOf = idempotency;
    this.#channelOf = (id) => idempotencyReleased(id, redis.options.keyPrefix ?? '');
    this.#options = options;
    this.#waiting = new WaitingRequests({
      redis,
      channelOf: this.#channelOf,
      take: (id, fingerprint, mayBeLost) => this.#take(id, fingerprint, mayBeLost),
      giveBack: (id, token) => void this.forget(id, token).catch(() => undefined),
    });
  }

  /** The answer that is there already, and the fingerprint of its request. Changes nothing. */
  async find(id: string): Promise<{ readonly fingerprint: string; readonly answer: KeptAnswer } | undefined> {
    const fields = [this.#nameOf(id), 'state', 'fingerprint', 'head', 'body'];
    const [state, fingerprint, head, body] = await this.#link.send<(Buffer | null)[]>('hmget', fields, {
      timeoutMs: this.#options.timeoutMs,
      as: 'bytes',
    });
    if (!fingerprint || !head || state?.toString() !== 'done') return undefined;
    return { fingerprint: fingerprint.toString(), answer: keptAnswer(head, body ?? Buffer.alloc(0)) };
  }

  async begin(id: string, fingerprint: string): Promise<AttemptOutcome> {
    return (await this.#begin(id, fingerprint)) as AttemptOutcome;
  }

  /** Waits for the end of the attempt that runs, and then is answered as `begin`. An outage ends no wait. */
  wait(id: string, fingerprint: string, running: RunsElsewhere, terms: WaitTerms): Promise<AttemptOutcome> {
    return this.#waiting.outcome(id, fingerprint, running, terms);
  }

  /** Resolves with false when another attempt has taken over. */
  async renew({ id, token, fence, fingerprint }: RunningAttempt): Promise<boolean> {
    const { leaseMs, keepMs } = this.#options;
    const args = [token, leaseMs, keepMs + leaseMs, fingerprint, fence];
    return (await this.#run<number>(renewAttempt, id, args)) === 1;
  }

  /**
   * Keeps the answer, unless another attempt has taken over: then it resolves with false. When Redis does not acknowledge
   * it in time this rejects, and is repeated while the lease can last.
   */
  complete({ id, token, fence, fingerprint }: RunningAttempt, answer: KeptAnswer): Promise<boolean> {
    const args = [this.#options.keepMs, headOf(answer), answer.body ?? '', fingerprint, fence];
    return this.#endOrRepeat(id, [token, this.#channelOf(id), ...args]);
  }

  /** The next request with this key runs again. When Redis does not acknowledge it in time this is repeated as well. */
  async forget(id: string, token: string): Promise<void> {
    await this.#endOrRepeat(id, this.#freeing(id, token));
  }

  async #begin(id: string, fingerprint: string, known: 'known' | '' = ''): Promise<FoundAttempt> {
    const { leaseMs, keepMs, onLostLease } = this.#options;
    const token = randomBytes(15).toString('base64url');
    // A question that is not even sent leaves nothing behind.
    const isSent = this.#link.outage === undefined;
    const args = [token, fingerprint, leaseMs, keepMs + leaseMs, onLostLease, known];
    try {
      return foundAttempt(await this.#run<(Buffer | number)[]>(beginAttempt, id, args), token);
    } catch (error) {
      // Redis may have given the lease, or may still do so.
      const giveBack = () => this.#end(id, this.#freeing(id, token));
      if (isSent) this.#owed.add(token, giveBack, { mayComeLater: true, forMs: leaseMs });
      throw error;
    }
  }

  /** For requests that have seen an attempt run. While `mayBeLost`, a key that is missing gives no right to run. */
  async #take(id: string, fingerprint: string, mayBeLost: boolean): Promise<FoundAttempt> {
    const found = await this.#begin(id, fingerprint, 'known');
    if (found.state !== 'missing' || mayBeLost) return found;
    // Nobody has renewed the lease: what became of its attempt was lost with the key.
    return this.#options.onLostLease === 'refuse' ? { state: 'lost' } : this.#begin(id, fingerprint);
  }

  async #endOrRepeat(id: string, args: EndArguments): Promise<boolean> {
    try {
      return await this.#end(id, args);
    } catch (error) {
      const terms = { mayComeLater: false, forMs: this.#options.leaseMs };
      if (isUnavailable(error)) this.#owed.add(args[0], () => this.#end(id, args), terms);
      throw error;
    }
  }

  #freeing(id: string, token: string): EndArguments {
    return [token, this.#channelOf(id), this.#options.leaseMs];
  }

  async #end(id: string, args: EndArguments): Promise<boolean> {
    return (await this.#run<number>(endAttempt, id, args)) === 1;
  }

  #run<Answer>(script: typeof beginAttempt, id: string, args: readonly (string | number | Buffer)[]) {
    const { timeoutMs } = this.#options;
    return this.#link.run<Answer>(script, [this.#nameOf(id)], [...args], { timeoutMs, as: 'bytes' });
  }
}
