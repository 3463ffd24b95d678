import { AsyncLocalStorage } from 'node:async_hooks';
import { ToolkitError } from '../errors.js';
import { settlesWithin } from '../subscriptions/index.js';
import { monotonicNow } from '../timers.js';
import type { FillEnd } from './fill-end.js';

const currentFlight = new AsyncLocalStorage<Flight<unknown>>();
let running = 0;
// Deeper than any honest nesting; a load that calls itself would never end.
const DEEPEST_NESTING = 8;

/** One fill of a key in this process, for which other callers may wait. */
export class Flight<Result> {
  readonly began = monotonicNow();
  readonly #landed: Promise<void>;
  #land!: () => void;
  #end: FillEnd<Result> | undefined;
  // The flights that callers inside this one are waiting for.
  readonly #waitsFor = new Map<Flight<unknown>, number>();

  /** @param depth how many fills of a key around this one did not wait for it */
  constructor(readonly depth = 0) {
    this.#landed = new Promise((resolve) => (this.#land = resolve));
  }

  land(end: FillEnd<Result>): void {
    this.#end = end;
    this.#land();
  }

  /** Whether the caller is inside this flight, or inside one that this flight waits for: waiting would never end. */
  get isAroundCaller(): boolean {
    const inside = currentFlight.getStore();
    return inside !== undefined && this.#leadsTo(inside);
  }

  /** Its end; undefined when it has not ended within this time. */
  async endWithin(ms: number): Promise<FillEnd<Result> | undefined> {
    return this.waitedForBy(async () =>
      ms > 0 && (await settlesWithin(ms, this.#landed)) ? this.#end : undefined,
    );
  }

  /** Remembers that the flight around the caller waits for this one while `wait` runs. */
  async waitedForBy<T>(wait: () => Promise<T>): Promise<T> {
    const inside = currentFlight.getStore();
    if (!inside) return wait();
    inside.#count(this, 1);
    try {
      return await wait();
    } finally {
      inside.#count(this, -1);
    }
  }

  /**
   * Runs the work of this flight, so that calls inside it recognise themselves. On Node 20 and 22 a storage that is in
   * use makes every promise of the process dearer, so it is disabled while no flight runs.
   */
  async run<T>(work: () => Promise<T>): Promise<T> {
    running++;
    try {
      return await this.waitedForBy(() => currentFlight.run(this, work));
    } finally {
      if (--running === 0) currentFlight.disable();
    }
  }

  #count(other: Flight<unknown>, step: 1 | -1): void {
    const waiting = (this.#waitsFor.get(other) ?? 0) + step;
    if (waiting > 0) this.#waitsFor.set(other, waiting);
    else this.#waitsFor.delete(other);
  }

  #leadsTo(other: Flight<unknown>, seen = new Set<Flight<unknown>>()): boolean {
    if ((this as Flight<unknown>) === other) return true;
    if (seen.has(this)) return false;
    seen.add(this);
    return [...this.#waitsFor.keys()].some((next) => next.#leadsTo(other, seen));
  }
}

/**
 * A fill inside a fill of the same key: it runs beside that one.
 *
 * @throws ToolkitError `CACHE_LOAD_RECURSIVE`
 */
export function nestedFlight(): Flight<unknown> {
  const depth = (currentFlight.getStore()?.depth ?? 0) + 1;
  if (depth > DEEPEST_NESTING) throw recursive();
  return new Flight(depth);
}

function recursive(): ToolkitError {
  const message = `cacheAside: a load has called getOrLoad for its own key ${DEEPEST_NESTING} times inside itself: load the value without the cache there`;
  return new ToolkitError('CACHE_LOAD_RECURSIVE', message);
}
