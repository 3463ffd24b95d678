import type { Fields } from '../http/fields.js';
import { variantOf } from '../http/vary.js';
import type { Keys } from '../keys.js';
import { RecentMap } from '../recent-map.js';
import { linkTo, loadScript, type RedisClient, type RedisLink, whenReset } from '../redis/index.js';
import { monotonicNow } from '../timers.js';

const rememberVariant = loadScript('remember-variant');

const MOST_VARIANTS = 32;
const REMEMBERED_IDS = 10_000;
// 96 bits of the digest: enough for a key, because the record has all of them.
const CHARACTERS_OF_KEY = 16;

/** The `Vary` names of a URL's last response. */
interface KnownVary {
  readonly names: readonly string[];
  /** Until when one of its variants is stored, on the monotonic clock, as far as this process knows. */
  readonly until: number;
}

/** Where the variants of a URL's response are stored, if it has `Vary`; at most 32 of them. */
export class Variants {
  readonly #names: Keys;
  readonly #link: RedisLink;
  readonly #ask: { readonly timeoutMs: number };
  readonly #known = new RecentMap<KnownVary>(REMEMBERED_IDS);

  constructor(redis: RedisClient, names: Keys, { timeoutMs }: { timeoutMs: number }) {
    this.#names = names;
    this.#link = linkTo(redis);
    this.#ask = { timeoutMs };
    whenReset(redis, () => this.#known.clear());
  }

  /** The `Vary` names of the last response, so that its variant can be asked for together with the signpost. */
  lastVary(id: string): readonly string[] | undefined {
    return this.#known.get(id)?.names;
  }

  sawVary(id: string, names: readonly string[]): void {
    const known = this.#known.get(id);
    if (!known || !isSameVary(names, known.names)) this.#known.set(id, { names, until: 0 });
  }

  /** The URL's response has no `Vary` any more. */
  sawNone(id: string): void {
    this.#known.delete(id);
  }

  keyFor(id: string, vary: readonly string[], request: Fields): string {
    return this.keyOf(id, variantOf(vary, request));
  }

  keyOf(id: string, variant: string): string {
    return this.#names.cacheVariant(id, variant.slice(0, CHARACTERS_OF_KEY));
  }

  /** For how long the signpost must be there, so that it outlives each variant behind it. */
  signpostMs(id: string, vary: readonly string[], keepMs: number): number {
    const now = monotonicNow();
    const known = this.#known.get(id);
    const until = Math.max(now + keepMs, known && isSameVary(vary, known.names) ? known.until : 0);
    this.#known.set(id, { names: vary, until });
    return until - now;
  }

  /** Remembers a variant that is being stored. Resolves with the keys of those that gave way to it. */
  async remember(id: string, variant: string, keepMs: number): Promise<string[]> {
    const args = [variant.slice(0, CHARACTERS_OF_KEY), MOST_VARIANTS, Math.max(1, Math.ceil(keepMs))];
    const key = this.#names.cacheVariants(id);
    const forgotten = await this.#link.run<readonly string[]>(rememberVariant, [key], args, this.#ask);
    return forgotten.map((variantKey) => this.keyOf(id, variantKey));
  }
}

export function isSameVary(one: readonly string[], other: readonly string[] | undefined): boolean {
  return one.length === other?.length && one.every((name, position) => name === other[position]);
}
