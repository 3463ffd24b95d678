import type { FillStart } from '../tags/index.js';
import type { FillEnd, FillOutcome } from './fill-end.js';
import { type Flight, nestedFlight } from './flight-of-one-key.js';

/** The right to run the handler for a key. */
export interface FillRight<Result> {
  /** The versions from before the handler runs. */
  readonly start: FillStart;
  /** Wakes the waiting callers. They use the stored response or the result, or fill themselves. */
  end(outcome: FillOutcome, result?: Result): void;
  /** Runs the handler. A call for the same key inside it recognises that it must not wait. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

/** The fill right, or the end of another fill; neither when another fill is running and the caller does not wait. */
export interface Taken<Result> {
  readonly right?: FillRight<Result>;
  /** The caller is inside a fill of the same key: its own fill runs beside that one. */
  readonly isNested?: true;
  readonly ended?: FillEnd<Result>;
}

/** A fill right beside all others: nobody waits for its end. */
export function besideOthers<Result>(start: FillStart, flight?: Flight<unknown>): FillRight<Result> {
  return { start, end() {}, run: (work) => (flight ? flight.run(work) : work()) };
}

/**
 * The fill right of a caller inside a fill of the same key.
 *
 * @throws ToolkitError `CACHE_LOAD_RECURSIVE`
 */
export function nestedRight<Result>(start: FillStart): Taken<Result> {
  return { right: besideOthers(start, nestedFlight()), isNested: true };
}
