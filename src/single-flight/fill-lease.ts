import { randomBytes } from 'node:crypto';
import { sharedReporter } from '../fallback-reporter.js';
import { keys } from '../keys.js';
import { linkTo, loadScript, OwedReleases, type RedisClient, type RedisLink } from '../redis/index.js';
import { type Look, lookUntilReleased } from '../subscriptions/index.js';
import { clearInterval, setInterval } from '../timers.js';
import { type FillOutcome, leaseMark, outcomeOf, UNSHARED_MS } from './fill-end.js';

const releaseLease = loadScript('release-lease');
const renewLease = loadScript('renew-lease');

// A process that crashes while it fills delays the others by at most this long.
const LEASE_MS = 5_000;

/** The token of a lease that this object has got, or how the last fill ended; neither while somebody else fills. */
export interface LeaseReply {
  readonly token?: string;
  /** The token of whoever fills. */
  readonly heldBy?: string;
  readonly outcome?: FillOutcome;
}

/** The leases of fills: the right to fill a key, which one process at a time has in Redis. */
export class FillLeases {
  readonly #redis: RedisClient;
  readonly #link: RedisLink;
  readonly #nameOf: (id: string) => string;
  readonly #channelOf: (id: string) => string;
  readonly #ask: { readonly timeoutMs: number };
  // A token begins with it, so that this object recognises its own lease after the answer to `take` was lost.
  readonly #owner = randomBytes(9).toString('base64url');
  readonly #owed = new OwedReleases();
  #taken = 0;

  constructor(redis: RedisClient, { prefix, timeoutMs }: { prefix: string; timeoutMs: number }) {
    const { cacheLease, cacheLeaseReleased } = keys(prefix);
    this.#redis = redis;
    this.#link = linkTo(redis);
    this.#nameOf = cacheLease;
    this.#channelOf = (id) => cacheLeaseReleased(id, redis.options.keyPrefix ?? '');
    this.#ask = { timeoutMs };
  }

  /** Not to be called for a key whose lease this object already has. */
  async take(id: string): Promise<LeaseReply> {
    const token = `${this.#owner}.${(this.#taken++).toString(36)}`;
    try {
      const question = [this.#nameOf(id), token, 'PX', LEASE_MS, 'NX', 'GET'];
      const there = await this.#link.send<string | null>('set', question, this.#ask);
      if (there === null) return { token };
      if (there.startsWith(`${this.#owner}.`)) return this.#recognise(id, there);
      const outcome = outcomeOf(there);
      return outcome ? { outcome } : { heldBy: there };
    } catch (error) {
      // Redis may have given the lease, or may still do so.
      this.#release(id, token, 'stored', true);
      throw error;
    }
  }

  /** Renews the lease until the returned function is called. */
  keep(id: string, token: string): () => void {
    const renewal = setInterval(() => this.#renew(id, token), LEASE_MS / 3);
    renewal.unref();
    return () => clearInterval(renewal);
  }

  /** Releases the lease, and leaves the outcome in its place for as long as nobody waits for the key. */
  release(id: string, token: string, outcome: FillOutcome): void {
    this.#release(id, token, outcome, false);
  }

  /** Resolves when the fill of another process has ended; undefined when it has not within this time. */
  ended(id: string, withinMs: number): Promise<FillOutcome | undefined> {
    return lookUntilReleased(this.#redis, this.#channelOf(id), () => this.#look(id), { withinMs });
  }

  #recognise(id: string, token: string): LeaseReply {
    this.#owed.cancel(token);
    this.#renew(id, token);
    return { token };
  }

  #renew(id: string, token: string): void {
    this.#link.run(renewLease, [this.#nameOf(id)], [token, LEASE_MS], this.#ask).catch(() => undefined);
  }

  #release(id: string, token: string, outcome: FillOutcome, mayComeLater: boolean): void {
    const args = [token, leaseMark(outcome), UNSHARED_MS[outcome], this.#channelOf(id)];
    const send = async () =>
      (await this.#link.run<number>(releaseLease, [this.#nameOf(id)], args, this.#ask)) === 1;
    this.#owed.add(token, send, { mayComeLater, forMs: LEASE_MS, forbidden: this.#forbidden });
  }

  readonly #forbidden = (error: Error) =>
    sharedReporter('single flight', 'release', this.#link).failed(
      'the lease of a fill cannot be released, and others wait until it expires',
      error,
    );

  async #look(id: string): Promise<Look<FillOutcome>> {
    // No expiry, or none any more: negative.
    const [value, expiresInMs] = await Promise.all([
      this.#link.send<string | null>('get', [this.#nameOf(id)], this.#ask),
      this.#link.send<number>('pttl', [this.#nameOf(id)], this.#ask),
    ]);
    return { end: outcomeOf(value), expiresInMs };
  }
}
