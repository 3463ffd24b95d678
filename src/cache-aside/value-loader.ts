import { isUnavailable } from '../errors.js';
import type { FillRight, SingleFlight } from '../single-flight/index.js';
import { pinVersions } from '../tags/index.js';
import { monotonicNow } from '../timers.js';
import { type CachedValueOptions, readValueOptions } from './options.js';
import { type FoundValue, tagsOfValue, type ValueStore } from './value-store.js';

type Load<T> = () => Promise<T>;

/** What is cached under a key, or the right to load it; neither when Redis does not answer. */
interface FoundOrRight<T> {
  readonly found?: FoundValue<T>;
  readonly right?: FillRight;
}

/** Loads values that are not cached, by one caller at a time in all processes. */
export class ValueLoader {
  readonly #values: ValueStore;
  readonly #flights: SingleFlight;

  constructor(values: ValueStore, flights: SingleFlight) {
    this.#values = values;
    this.#flights = flights;
  }

  async getOrLoad<T>(key: string, load: Load<T>, options: CachedValueOptions): Promise<T> {
    const { earlyRefresh } = readValueOptions(options);
    const tags = tagsOfValue(key, options.tags);
    const { found, right } = await this.#findOrTake<T>(key, tags, earlyRefresh);
    const filling = right && this.#fill(key, load, { ...options, tags }, right);
    if (!found) return filling ?? load();
    // The next caller tries again.
    filling?.catch(() => undefined);
    return found.value;
  }

  async #findOrTake<T>(key: string, tags: readonly string[], earlyRefresh: number): Promise<FoundOrRight<T>> {
    try {
      for (;;) {
        const found = await this.#values.find<T>(key, tags, earlyRefresh);
        if (found?.isFresh) return { found };
        const right = await this.#flights.take(`value ${key}`, tags, { patiently: !found });
        if (found || right) return { ...(found && { found }), ...(right && { right }) };
      }
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      return {};
    }
  }

  async #fill<T>(
    key: string,
    load: Load<T>,
    options: CachedValueOptions & { readonly tags: readonly string[] },
    right: FillRight,
  ): Promise<T> {
    const began = monotonicNow();
    let value: T;
    try {
      value = await load();
    } catch (error) {
      right.end('failed');
      throw error;
    }
    const pinned = pinVersions(options.tags, right.start.versions);
    if (!pinned || value === undefined) {
      right.end('unstorable');
      return value;
    }
    try {
      await this.#values.store(key, value, pinned, options, Math.round(monotonicNow() - began));
      right.end('stored');
    } catch (error) {
      right.end('unstorable');
      if (!isUnavailable(error)) throw error;
    }
    return value;
  }
}
