/**
 * How a fill ended. `invalidated`: a mutation or a purge during the fill prevented it from being stored. `abandoned`: the
 * filler has stopped, and another caller may do better. `settling`: Redis has just lost its data, and nothing may be stored
 * for a moment, so the callers of each process share a fill among themselves, as while Redis is away.
 */
export type FillOutcome = 'stored' | 'unstorable' | 'invalidated' | 'failed' | 'abandoned' | 'settling';

/** The end of a fill, as the callers see it that waited for it. */
export interface FillEnd<Result> {
  readonly outcome: FillOutcome;
  /** The filler's result, if it is in this process. */
  readonly result?: Result;
  /** When the filler in this process began, on the monotonic clock. */
  readonly began?: number;
}

/** For how long after its end nobody waits for the key. A response that may not be stored stays so; a mutation is soon over. */
export const UNSHARED_MS: Readonly<Record<FillOutcome, number>> = {
  stored: 0,
  abandoned: 0,
  settling: 0,
  // As long as waiting processes need to notice it.
  failed: 250,
  unstorable: 10_000,
  invalidated: 250,
};

// No token contains it.
const SIGN = '!';

/** The value that a fill leaves in place of its lease; empty for none. */
export const leaseMark = (outcome: FillOutcome): string =>
  UNSHARED_MS[outcome] === 0 ? '' : `${SIGN}${outcome}`;

/** The outcome by the value in place of a lease; undefined when the value is the token of a lease. */
export function outcomeOf(value: string | null): FillOutcome | undefined {
  if (value === null) return 'stored';
  if (!value.startsWith(SIGN)) return undefined;
  const outcome = value.slice(SIGN.length);
  // Another version of this package may leave a mark of another kind.
  return outcome in UNSHARED_MS ? (outcome as FillOutcome) : 'unstorable';
}
