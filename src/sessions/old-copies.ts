import type { Keys } from '../keys.js';
import { loadScript, type RedisClient, type RedisLink } from '../redis/index.js';
import { endSession } from './end-session.js';

const readOldSession = loadScript('read-old-session');
const adoptSession = loadScript('adopt-session');

// Beside the properties, connect-redis stores the attributes of the cookie.
const COOKIE_BYTES = 1024;
// The recorded end of an old copy is as old as its adoption, and a process knows Redis' clock to some milliseconds.
const END_TOLERANCE_MS = 5000;

/** A session as connect-redis stored it. */
export interface OldCopy {
  /** Undefined for a key that never expires. */
  readonly lifeMs: number | undefined;
  readonly digest: string;
  readonly text: string;
}

/** Why a key of the old store cannot be a session of ours. */
export class UnusableCopy extends Error {}

/** The facts about a session that its adoption needs. */
export interface Adoptable {
  readonly id: string;
  readonly hash: string;
  readonly copy: OldCopy;
  readonly fields: readonly string[];
  readonly user: string | undefined;
  readonly idleTimeoutMs: number;
  /** When it was last saved, by the clock of the old process; undefined if the copy does not tell. */
  readonly savedAt: number | undefined;
}

export type AdoptionOutcome = 'adopted' | 'exists' | 'ended' | 'gone' | 'changed';

export interface OldCopiesOptions {
  /** The prefix of connect-redis. */
  readonly prefix: string;
  readonly remove: boolean;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly absoluteTimeoutMs: number;
}

/** The keys of connect-redis, and the markers that keep a session that has ended from being adopted again. */
export class OldCopies {
  readonly #link: RedisLink;
  readonly #names: Keys;
  readonly #options: OldCopiesOptions;
  readonly #ask: { readonly timeoutMs: number };
  readonly #isCluster: boolean;

  constructor(redis: RedisClient, link: RedisLink, names: Keys, options: OldCopiesOptions) {
    this.#link = link;
    this.#names = names;
    this.#options = options;
    this.#ask = { timeoutMs: options.timeoutMs };
    this.#isCluster = redis.isCluster;
  }

  keyOf(id: string): string {
    return this.#options.prefix + id;
  }

  async exists(id: string): Promise<boolean> {
    return (await this.#link.send<number>('exists', [this.keyOf(id)], this.#ask)) === 1;
  }

  /** Reads an old copy and leaves it as it is. Resolves to undefined when there is none. @throws UnusableCopy */
  async read(id: string): Promise<OldCopy | undefined> {
    const { maxBytes } = this.#options;
    const [lifeMs, kind, bytes, digest, text] = await this.#link.run<
      [number, string, number, string?, string?]
    >(readOldSession, [this.keyOf(id)], [maxBytes + COOKIE_BYTES], this.#ask);
    if (kind === 'none') return undefined;
    if (kind !== 'string') throw new UnusableCopy(`its key holds a ${kind}`);
    if (digest === undefined) throw new UnusableCopy(`it has ${bytes} bytes, which is more than maxBytes`);
    return { lifeMs: lifeMs < 0 ? undefined : lifeMs, digest, text: text! };
  }

  /** Adopts an old copy, once, however many requests try at the same time. */
  async adopt(adoptable: Adoptable): Promise<AdoptionOutcome> {
    const { id, hash, copy, fields, user, idleTimeoutMs, savedAt } = adoptable;
    const { absoluteTimeoutMs, remove } = this.#options;
    const lifeMs = copy.lifeMs ?? absoluteTimeoutMs;
    // With the life that connect-redis gives it at each use.
    const fullLifeMs = Math.max(lifeMs, idleTimeoutMs);
    const stamp = user === undefined ? this.keyOf(id) : this.#names.userSessionsEnded(user);
    const keys = [this.#names.session(hash), this.#markerOf(hash)];
    // No script of a Cluster may touch both slots: `#recheck` looks at the old key afterwards.
    if (!this.#isCluster) keys.push(this.keyOf(id), stamp);
    const times = [idleTimeoutMs, absoluteTimeoutMs, lifeMs, fullLifeMs];
    const flags = [Number(remove), Number(user !== undefined)];
    const args = [...times, this.keyOf(id), copy.digest, savedAt ?? '', ...flags, ...fields];
    const outcome = await this.#link.run<AdoptionOutcome>(adoptSession, keys, args, this.#ask);
    return outcome === 'adopted' && this.#isCluster ? this.#recheck(adoptable) : outcome;
  }

  /** In a Cluster: ends a session whose old copy was ended while it was adopted. */
  async #recheck({ id, hash, user, savedAt }: Adoptable): Promise<AdoptionOutcome> {
    const endedAt =
      user === undefined
        ? null
        : this.#link.send<string | null>('get', [this.#names.userSessionsEnded(user)], this.#ask);
    const [exists, stamp] = await Promise.all([this.exists(id), endedAt]);
    const wasEnded = stamp !== null && (savedAt ?? 0) <= Number(stamp);
    if (exists && !wasEnded) {
      if (this.#options.remove) await this.remove(id);
      return 'adopted';
    }
    await this.end(hash);
    return exists ? 'ended' : 'gone';
  }

  /** Ends a session, which need not be ours yet, and keeps its old copy from being adopted. */
  async end(hash: string): Promise<boolean> {
    const { absoluteTimeoutMs: copyLifeMs, timeoutMs } = this.#options;
    const { ended } = await endSession(this.#link, this.#names, hash, { copyLifeMs, timeoutMs });
    return ended;
  }

  async remove(id: string): Promise<boolean> {
    return (await this.#link.send<number>('unlink', [this.keyOf(id)], this.#ask)) === 1;
  }

  #markerOf(hash: string): string {
    return this.#names.sessionAdopted(hash, this.#link.keyPrefix);
  }
}

const OLD = /^(\d+) \d+ /;

/** Whether a session that was read at this moment must have its old copy, unless the old application has ended it. */
export function mustHaveCopy({ old, readAt }: { readonly old: string | undefined; readonly readAt: number }) {
  const expires = old === undefined ? null : OLD.exec(old);
  return expires !== null && readAt + END_TOLERANCE_MS < Number(expires[1]);
}
