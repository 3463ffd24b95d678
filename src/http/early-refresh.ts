/** The remaining lifetime of a cached value, and the time it takes to make another. Both in the same unit. */
export interface Remaining {
  readonly left: number;
  /** How long it took to make the value. */
  readonly cost: number;
}

/**
 * Whether to refresh a value before it expires. Chance decides, and it grows towards the end, so that of many callers
 * few refresh, and hardly ever all at once. XFetch of Vattani, Chierichetti and Lowenstein, "Optimal Probabilistic
 * Cache Stampede Prevention" (VLDB 2015), with `eagerness` as its β.
 */
export function isDueEarly({ left, cost }: Remaining, eagerness: number, random = Math.random): boolean {
  return eagerness > 0 && left <= -cost * eagerness * Math.log(1 - random());
}
