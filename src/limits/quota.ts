export type Algorithm = 'sliding-window' | 'fixed-window' | 'token-bucket';

/** So much in so long, under a name. */
export interface Policy {
  readonly name: string;
  /** How much a client may consume in any window; the size of the bucket with `token-bucket`. */
  readonly limit: number;
  /** Length of the window in milliseconds; with `token-bucket`, the time in which an empty bucket fills. */
  readonly windowMs: number;
  readonly algorithm: Algorithm;
  /**
   * What it is counted under, when that is not the name: windows of different lengths need counts of their own.
   */
  readonly countedAs?: string;
}

/** Names a charge: its bucket or window, and the state that it was made in. */
export interface Charge {
  readonly place: number;
  readonly salt: number;
}

/** Where a client stands with one policy. */
export interface Quota extends Policy {
  readonly used: number;
  readonly remaining: number;
  /** Milliseconds until more of the quota is there; 0 when all of it is. */
  readonly resetMs: number;
  /** Milliseconds until the cost that was asked for would be admitted; Infinity when it exceeds the limit. */
  readonly retryAfterMs: number;
  /** Where the charge lies, for a refund. */
  readonly charge: Charge;
}

export interface Verdict {
  readonly admitted: boolean;
  /** Milliseconds for which the client is blocked whatever its quotas; 0 when it is not. */
  readonly blockedMs: number;
  /** Redis' clock at the decision, in milliseconds. */
  readonly at: number;
  readonly quotas: readonly Quota[];
}
