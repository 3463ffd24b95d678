import type { FallbackReporter } from '../fallback-reporter.js';
import type { Logger } from '../logger.js';
import { logMisuse } from '../notices.js';
import type { FillEnd, FillRight, SingleFlight, Taken } from '../single-flight/index.js';
import { beginFill, pinVersions, type TagVersions, unknownStart } from '../tags/index.js';
import { monotonicNow } from '../timers.js';
import type { ValueSettings } from './options.js';
import { reportAway, unlessAway } from './redis-unavailable.js';
import { publishingStore, publishLoad, publishLookup } from './value-events.js';
import { valueJson } from './value-json.js';
import { storedLifetime, type ValueLifetime } from './value-lifetime.js';
import type { FoundValue, ValueStore } from './value-store.js';

/** What a load came to, for the callers in this process that waited for it. */
export type LoadResult = { readonly json: string | undefined } | { readonly error: unknown };

/** One call of `getOrLoad`. */
export interface LoadCall<T> {
  readonly key: string;
  readonly load: () => Promise<T>;
  readonly options: ValueSettings<T>;
  /** All tags of the value. */
  readonly tags: readonly string[];
  readonly arrivedAt: number;
  readonly until: number;
}

/** A value as it is stored. */
interface LoadedValue {
  readonly json: string | undefined;
  /** Undefined when it is not to be stored. */
  readonly lifetime: ValueLifetime | undefined;
  readonly loadMs: number;
  /** Whether Redis has an older value, which callers get meanwhile. */
  readonly isRefresh: boolean;
}

interface LoaderParts {
  readonly values: ValueStore;
  readonly versions: TagVersions;
  readonly flights: SingleFlight<LoadResult>;
  readonly reporter: FallbackReporter;
  readonly logger: Logger;
  readonly maxValueBytes: number;
}

/** Loads values that are not cached: one load of a key at a time in all processes, or in this one while Redis is away. */
export class ValueLoader {
  readonly #values: ValueStore;
  readonly #versions: TagVersions;
  readonly #flights: SingleFlight<LoadResult>;
  readonly #reporter: FallbackReporter;
  readonly #logger: Logger;
  readonly #maxValueBytes: number;
  #toldOfNesting = false;

  constructor({ values, versions, flights, reporter, logger, maxValueBytes }: LoaderParts) {
    this.#values = values;
    this.#versions = versions;
    this.#flights = flights;
    this.#reporter = reporter;
    this.#logger = logger;
    this.#maxValueBytes = maxValueBytes;
  }

  async getOrLoad<T>(call: LoadCall<T>): Promise<T> {
    const found = await unlessAway(this.#find(call), this.#reporter);
    publishLookup(call.key, found, call.arrivedAt);
    if (found === 'away') return this.#load(call, 'away');
    if (!found) return this.#load(call, 'there');
    // The next caller tries again.
    if (!found.isFresh) this.#refresh(call).catch(() => undefined);
    return found.value;
  }

  async #load<T>(call: LoadCall<T>, redis: 'there' | 'away' | 'failed elsewhere'): Promise<T> {
    const { key, tags, arrivedAt } = call;
    for (let state = redis; ; ) {
      const taken = await unlessAway(this.#take(call, state), this.#reporter);
      if (taken === 'away') {
        state = 'away';
        continue;
      }
      if (taken.isNested) this.#tellOfNesting(key, tags);
      if (taken.right) return this.#fill(call, taken.right);
      const shared = taken.ended && sharedBy(taken.ended, arrivedAt);
      if (shared) return valueFrom(shared);
      if (state === 'away') continue;
      const found = await unlessAway(this.#find(call), this.#reporter);
      if (found === 'away') state = 'away';
      else if (found) return found.value;
      else state = taken.ended?.outcome === 'failed' ? 'failed elsewhere' : 'there';
    }
  }

  #find<T>({ key, tags, options }: LoadCall<T>): Promise<FoundValue<T> | undefined> {
    return this.#values.find<T>(key, tags, options.earlyRefresh);
  }

  #take<T>(
    { key, tags, until }: LoadCall<T>,
    redis: 'there' | 'away' | 'failed elsewhere',
  ): Promise<Taken<LoadResult>> {
    const waiting = { wait: true, until };
    const begin = redis === 'away' ? async () => unknownStart(tags) : () => beginFill(this.#versions, tags);
    if (redis === 'there') return this.#flights.take(`value ${key}`, begin, waiting);
    return this.#flights.takeInProcess(`value ${key}`, begin, waiting);
  }

  async #refresh<T>(call: LoadCall<T>): Promise<void> {
    const begin = () => beginFill(this.#versions, call.tags);
    const taking = this.#flights.take(`value ${call.key}`, begin, { wait: false, until: 0 });
    const taken = await unlessAway(taking, this.#reporter);
    if (taken !== 'away' && taken.right) await this.#fill(call, taken.right, true);
  }

  async #fill<T>(call: LoadCall<T>, right: FillRight<LoadResult>, isRefresh = false): Promise<T> {
    const began = monotonicNow();
    let json: string | undefined;
    let lifetime: ValueLifetime | undefined;
    let loadMs = 0;
    try {
      const value = await right.run(async () => call.load());
      loadMs = Math.round(monotonicNow() - began);
      json = valueJson(call.key, value, this.#maxValueBytes);
      if (json !== undefined) lifetime = await storedLifetime(call.key, value, call.options);
    } catch (error) {
      publishLoad(call.key, true, began);
      right.end('failed', { error });
      throw error;
    }
    publishLoad(call.key, false, began);
    await this.#store(call, right, { json, lifetime, loadMs, isRefresh });
    return valueFrom({ json });
  }

  async #store<T>(
    { key, tags }: LoadCall<T>,
    right: FillRight<LoadResult>,
    { json, lifetime, loadMs, isRefresh }: LoadedValue,
  ): Promise<void> {
    const pinned = pinVersions(tags, right.start.versions);
    try {
      const isCached = json !== undefined && lifetime !== undefined;
      await publishingStore(key, async () => {
        if (!isCached && isRefresh) await this.#values.drop(key);
        if (!isCached) return 'uncached';
        const isStored = pinned && (await this.#values.store(key, json, pinned, lifetime, loadMs));
        return isStored ? 'stored' : 'invalidated';
      });
      if (pinned && isCached) this.#reporter.succeeded();
      right.end(pinned && isCached ? 'stored' : 'unstorable', { json });
    } catch (error) {
      right.end('invalidated', { json });
      reportAway(error, this.#reporter);
    }
  }

  #tellOfNesting(key: string, tags: readonly string[]): void {
    if (this.#toldOfNesting) return;
    this.#toldOfNesting = true;
    logMisuse(this.#logger, 'CACHE_LOAD_NESTED', { key, tags });
  }
}

/**
 * The result that a waiting caller may use without asking Redis. A failure may be shared by all that waited for it. A
 * value may be older than a change from before the caller arrived, unless its load began later.
 */
function sharedBy({ result, began = 0 }: FillEnd<LoadResult>, arrivedAt: number): LoadResult | undefined {
  if (!result) return undefined;
  return 'error' in result || began >= arrivedAt ? result : undefined;
}

function valueFrom<T>(result: LoadResult): T {
  if ('error' in result) throw result.error;
  return (result.json === undefined ? undefined : JSON.parse(result.json)) as T;
}
