export type Algorithm = 'sliding-window' | 'fixed-window' | 'token-bucket';

/** A limit per window, under a name. */
export interface Policy {
  readonly name: string;
  /** The most that a client may consume in any window; the size of the bucket with `token-bucket`. */
  readonly limit: number;
  /** Length of the window in milliseconds; with `token-bucket`, the time in which an empty bucket fills. */
  readonly windowMs: number;
  readonly algorithm: Algorithm;
}

/** A client's position under one policy. */
export interface Quota extends Policy {
  readonly used: number;
  readonly remaining: number;
  /** Milliseconds until more of the quota is available; 0 when all of it is. */
  readonly resetMs: number;
  /** Milliseconds until Redis would admit the requested cost; Infinity when the cost exceeds the limit. */
  readonly retryAfterMs: number;
}

/** Identifies a charge, for a refund: the bucket or window that was charged, and the salt of its state. */
export interface Charge {
  readonly bucket: number;
  readonly salt: number;
}

/** The decision about one request of a client, under all policies of a limiter. */
export interface QuotaVerdict {
  readonly admitted: boolean;
  /** Milliseconds for which the client is blocked, whatever its quotas; 0 without a block. */
  readonly blockedMs: number;
  /** Redis' clock at the decision, in milliseconds; after a charge by tally the latest that it may have shown. */
  readonly at: number;
  readonly quotas: readonly Quota[];
  /** The charge under each of the quotas. */
  readonly charges: readonly Charge[];
}
