/** How near its end something cached is, and what another one costs. Times in any one unit. */
export interface Remaining {
  readonly left: number;
  /** How long it took to make. */
  readonly cost: number;
}

/**
 * Whether to make it anew before its time is over, by chance and rather the nearer the end is: of many who ask, few
 * do it, and hardly ever all at once. XFetch of Vattani, Chierichetti and Lowenstein, "Optimal Probabilistic Cache
 * Stampede Prevention" (VLDB 2015), with `eagerness` as its β.
 */
export function isDueEarly({ left, cost }: Remaining, eagerness: number, random = Math.random): boolean {
  return eagerness > 0 && left <= -cost * eagerness * Math.log(1 - random());
}
