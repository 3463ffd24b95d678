import { RecentMap } from '../recent-map.js';
import { loadScript, type RedisLink } from '../redis/index.js';
import { monotonicNow } from '../timers.js';
import type { PinnedVersions } from './version-reader.js';

const keepTag = loadScript('keep-tag');
const REMEMBERED_TAGS = 10_000;
// The version of a tag with many entries is kept for longer than the newest entry needs, so that few stores have to ask.
const AHEAD = 1.25;

interface KeptVersion {
  readonly version: string;
  /** Until when Redis surely keeps it, on the monotonic clock. */
  readonly until: number;
}

/**
 * Has versions live as long as the entries that refer to them. Clients choose URLs and with them tags: without an expiry
 * of their own entries' length, the versions of invented URLs would pile up in Redis.
 */
export class KeptVersions {
  readonly #link: RedisLink;
  readonly #keyOf: (tag: string) => string;
  readonly #ask: { readonly timeoutMs: number };
  readonly #kept = new RecentMap<KeptVersion>(REMEMBERED_TAGS);

  constructor(link: RedisLink, keyOf: (tag: string) => string, ask: { readonly timeoutMs: number }) {
    this.#link = link;
    this.#keyOf = keyOf;
    this.#ask = ask;
  }

  clear(): void {
    this.#kept.clear();
  }

  /** Keeps the versions for this long at least. Resolves with whether all of them are still current, as far as was asked. */
  async keep(pinned: PinnedVersions, forMs: number): Promise<boolean> {
    const needed = Math.max(1, Math.ceil(forMs));
    const asked = Object.entries(pinned).map(([tag, version]) => this.#keepOne(tag, version, needed));
    return (await Promise.all(asked)).every(Boolean);
  }

  async #keepOne(tag: string, version: string, neededMs: number): Promise<boolean> {
    // Long names are hashed in it: clients name the tags of URLs.
    const key = this.#keyOf(tag);
    const known = this.#kept.get(key);
    const isKnown = known?.version === version;
    const now = monotonicNow();
    if (isKnown && known.until >= now + neededMs) return true;
    const forMs = isKnown ? Math.ceil(AHEAD * neededMs) : neededMs;
    const inRedis = version.split('@', 1)[0]!;
    const reply = await this.#link.run<number>(keepTag, [key], [inRedis, forMs], this.#ask);
    if (reply === 1) this.#kept.set(key, { version, until: now + forMs });
    else this.#kept.delete(key);
    return reply === 1;
  }
}
