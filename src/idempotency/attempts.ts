import { randomBytes } from 'node:crypto';
import { isUnavailable } from '../errors.js';
import { keys } from '../keys.js';
import { linkTo, loadScript, OwedReleases, type RedisClient } from '../redis/index.js';

const beginAttempt = loadScript('begin-attempt');
const renewAttempt = loadScript('renew-attempt');
const endAttempt = loadScript('end-attempt');

/** The answer of a request that has happened. */
export interface KeptAnswer {
  readonly status: number;
  readonly fields: Readonly<Record<string, string | readonly string[]>>;
  /** Undefined when it was not kept: a stream, or too large. */
  readonly body: Buffer | undefined;
}

/** What a request with an idempotency key has to do. */
export type AttemptOutcome =
  /** Run the handler. The fence is higher than that of each earlier attempt. */
  | { readonly state: 'run'; readonly token: string; readonly fence: number }
  /** The same request runs at the moment. */
  | { readonly state: 'running'; readonly leftMs: number }
  | { readonly state: 'done'; readonly answer: KeptAnswer }
  /** The key was used for a request with another content. */
  | { readonly state: 'mismatch' }
  /** An earlier attempt stopped without a result. */
  | { readonly state: 'lost' };

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

type EndArguments = readonly [token: string, ...(string | number | Buffer)[]];
type AttemptReply = readonly (Buffer | number)[];

/**
 * Attempts at requests that must happen once, in Redis: one hash per key of a client, with the content's fingerprint and
 * either the lease of the attempt that runs or the answer of the one that is done.
 */
export class Attempts {
  readonly #link;
  readonly #nameOf;
  readonly #options: AttemptsOptions;
  readonly #owed = new OwedReleases();

  constructor(redis: RedisClient, options: AttemptsOptions) {
    this.#link = linkTo(redis);
    this.#nameOf = keys(options.prefix).idempotency;
    this.#options = options;
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
    const { leaseMs, keepMs, onLostLease } = this.#options;
    const token = randomBytes(15).toString('base64url');
    // A question that is not even sent leaves nothing behind.
    const isSent = this.#link.outage === undefined;
    const args = [token, fingerprint, leaseMs, keepMs + leaseMs, onLostLease];
    try {
      return attemptOutcome(await this.#run<AttemptReply>(beginAttempt, id, args), token);
    } catch (error) {
      // Redis may have given the lease, or may still do so.
      if (isSent) this.#owed.add(token, () => this.#end(id, [token]), { mayComeLater: true, forMs: leaseMs });
      throw error;
    }
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
  complete(
    { id, token, fence, fingerprint }: RunningAttempt,
    { status, fields, body }: KeptAnswer,
  ): Promise<boolean> {
    const head = JSON.stringify({ status, fields, ...(body ? {} : { isOmitted: true }) });
    return this.#endOrRepeat(id, [token, this.#options.keepMs, head, body ?? '', fingerprint, fence]);
  }

  /** The next request with this key runs again. When Redis does not acknowledge it in time this is repeated as well. */
  async forget(id: string, token: string): Promise<void> {
    await this.#endOrRepeat(id, [token]);
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

  async #end(id: string, args: EndArguments): Promise<boolean> {
    return (await this.#run<number>(endAttempt, id, args)) === 1;
  }

  #run<Answer>(script: typeof beginAttempt, id: string, args: readonly (string | number | Buffer)[]) {
    const { timeoutMs } = this.#options;
    return this.#link.run<Answer>(script, [this.#nameOf(id)], [...args], { timeoutMs, as: 'bytes' });
  }
}

function attemptOutcome([state, first, second]: AttemptReply, token: string): AttemptOutcome {
  switch (String(state)) {
    case 'run':
      return { state: 'run', token, fence: Number(String(first)) };
    case 'running':
      return { state: 'running', leftMs: Number(first) };
    case 'done':
      return { state: 'done', answer: keptAnswer(first as Buffer, second as Buffer) };
    case 'lost':
      return { state: 'lost' };
    default:
      return { state: 'mismatch' };
  }
}

function keptAnswer(head: Buffer, body: Buffer): KeptAnswer {
  const { isOmitted, status, fields } = JSON.parse(head.toString()) as KeptAnswer & { isOmitted?: true };
  return { status, fields, body: isOmitted ? undefined : body };
}
