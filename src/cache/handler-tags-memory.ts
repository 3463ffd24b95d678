import { RecentMap } from '../recent-map.js';

const REMEMBERED_IDS = 10_000;
// Each costs a look-up one more key. A page that names other tags each time is never stored beside constant changes.
const MOST_TAGS = 64;

/** The tags that the handler of a URL named last time, so that their versions can be read before it runs again. */
export class HandlerTagsMemory {
  readonly #tags = new RecentMap<readonly string[]>(REMEMBERED_IDS);

  of(id: string): readonly string[] {
    return this.#tags.get(id) ?? [];
  }

  /** The response was stored under these. */
  replace(id: string, tags: readonly string[]): void {
    if (tags.length > 0) this.#tags.set(id, tags);
    else this.#tags.delete(id);
  }

  /** The response was not stored, because it came late with some of these: those of responses before it count too. */
  add(id: string, tags: readonly string[]): void {
    const all = [...new Set([...tags, ...this.of(id)])];
    this.replace(id, all.slice(0, Math.max(tags.length, MOST_TAGS)));
  }

  clear(): void {
    this.#tags.clear();
  }
}
