import { LRUCache } from 'lru-cache';
import type { ChangeTracking, TrackingPoint } from './change-tracking.js';

// The size of an item besides its text and bytes: objects, the lists of the LRU, a buffer of its own.
const ITEM_BYTES = 1_024;

interface NearItem<Value> {
  readonly value: Value;
  /** The record's stamp in Redis; empty for tag versions. */
  readonly stamp: string;
  /** The stretch of tracking in which Redis would have told of a change; undefined when the item may be old. */
  confirmedIn: number | undefined;
}

/** How a near cache keeps what is stored under a key. */
export interface NearFormat<Stored> {
  /** The same stamp means the same content. Empty for what has none: it is not kept. */
  stampOf(bytes: Buffer): string;
  /** A copy that keeps no larger buffer alive. */
  copyOf(stored: Stored): Stored;
  /** The size of the part that is no text. */
  bodyBytesOf(stored: Stored): number;
}

/**
 * The values of some keys of Redis, in the memory of this process. A value may be used when Redis has just confirmed it,
 * or would have told of a change.
 */
export class NearCache<Stored> {
  readonly #items: LRUCache<string, NearItem<unknown>>;
  readonly #format: NearFormat<Stored>;
  readonly #tracking: ChangeTracking | undefined;

  constructor(maxBytes: number, format: NearFormat<Stored>, tracking?: ChangeTracking) {
    this.#format = format;
    this.#items = new LRUCache({ maxSize: maxBytes });
    this.#tracking = tracking;
    tracking?.onChange((key) => {
      const changed = this.#items.peek(key);
      if (changed) changed.confirmedIn = undefined;
    });
  }

  /** Whether Redis tells of changes, so that the process need not ask about every item. */
  get isTracked(): boolean {
    return this.#tracking !== undefined;
  }

  /** To be read before Redis is asked: its answer does not confirm what changed after the question. */
  now(): TrackingPoint | undefined {
    return this.#tracking?.now();
  }

  record(key: string): NearItem<Stored> | undefined {
    return this.#items.get(key) as NearItem<Stored> | undefined;
  }

  /** Whether Redis would have told of a change. */
  isConfirmed({ confirmedIn }: NearItem<Stored>): boolean {
    return this.#isPresent(confirmedIn);
  }

  /** Redis still has the same record as this process. */
  confirm(key: string, record: NearItem<Stored>, since: TrackingPoint | undefined): void {
    record.confirmedIn = this.#stretchSince(key, since);
  }

  /** @param bytes the record as it is in Redis */
  keepRecord(key: string, record: Stored, bytes: Buffer, since?: TrackingPoint): void {
    const stamp = this.#format.stampOf(bytes);
    if (stamp === '') {
      this.forget(key);
      return;
    }
    const bodyBytes = this.#format.bodyBytesOf(record);
    const size = sizeOf(key, bytes.length - bodyBytes) + bodyBytes;
    const value = this.#format.copyOf(record);
    this.#items.set(key, { value, stamp, confirmedIn: this.#stretchSince(key, since) }, { size });
  }

  clear(): void {
    this.#items.clear();
  }

  forget(key: string): void {
    this.#items.delete(key);
  }

  /** The version under a tag's key; undefined when it may have changed. */
  version(key: string): string | undefined {
    return this.#confirmed(key) as string | undefined;
  }

  keepVersion(key: string, value: string, since: TrackingPoint | undefined): void {
    const confirmedIn = this.#stretchSince(key, since);
    if (confirmedIn === undefined) return;
    this.#items.set(key, { value, stamp: '', confirmedIn }, { size: sizeOf(key, value.length) });
  }

  /** Records and versions, if all of them are here and Redis would have told of a change of any. */
  confirmedTogether(recordKeys: readonly string[], versionKeys: readonly string[]) {
    const records: Stored[] = [];
    const versions: string[] = [];
    for (const key of recordKeys) {
      const record = this.#confirmed(key);
      if (record === undefined) return undefined;
      records.push(record as Stored);
    }
    for (const key of versionKeys) {
      const version = this.#confirmed(key);
      if (version === undefined) return undefined;
      versions.push(version as string);
    }
    return { values: records, versions };
  }

  #confirmed(key: string): unknown {
    const item = this.#items.get(key);
    return item && this.#isPresent(item.confirmedIn) ? item.value : undefined;
  }

  #isPresent(stretch: number | undefined): boolean {
    return stretch !== undefined && stretch === this.#tracking?.now()?.stretch;
  }

  #stretchSince(key: string, since: TrackingPoint | undefined): number | undefined {
    return since && this.#tracking?.isUnchanged(key, since) ? since.stretch : undefined;
  }
}

function sizeOf(key: string, textLength: number): number {
  return ITEM_BYTES + 2 * (key.length + textLength);
}
