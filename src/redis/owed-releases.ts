import { isMisconfigured } from '../errors.js';
import { clearTimeout, monotonicNow, setTimeout } from '../timers.js';

const RETRY_MS = { first: 50, longest: 1_000 };
// Also of a short lease: it is to be released before it ends.
const LEAST_TRIES = 10;
// Far more than one outage leaves; a lease that is not retried expires.
const MOST_OWED = 1_000;
// No command stays longer on its way to a Redis that answers.
const LATE_MS = 5_000;

/** Sends a release; resolves with whether Redis had the lease. */
export type SendRelease = () => Promise<boolean>;

/** What else a release needs. */
export interface ReleaseTerms {
  /** Whether Redis may execute the question for the lease after it has answered the release. */
  readonly mayComeLater: boolean;
  /** How long the release is owed: as long as the lease can exist. */
  readonly forMs: number;
  /** Hears that Redis forbids the release: others wait until the lease expires. */
  forbidden?(error: Error): void;
}

interface OwedRelease extends ReleaseTerms {
  readonly send: SendRelease;
  until: number;
  timer?: NodeJS.Timeout;
}

/**
 * Releases of leases and locks that Redis has not acknowledged. A command without an answer may have been executed: without
 * a release everybody else would wait until the lease expires.
 */
export class OwedReleases {
  readonly #owed = new Map<string, OwedRelease>();

  /** Releases a lease, and tries again until Redis acknowledges it. */
  add(token: string, send: SendRelease, terms: ReleaseTerms): void {
    const release: OwedRelease = { ...terms, send, until: monotonicNow() + terms.forMs };
    if (this.#owed.size < MOST_OWED) this.#owed.set(token, release);
    this.#try(token, release, RETRY_MS.first);
  }

  /** The lease is in use again. */
  cancel(token: string): void {
    clearTimeout(this.#owed.get(token)?.timer);
    this.#owed.delete(token);
  }

  #try(token: string, release: OwedRelease, waitMs: number): void {
    const again = () => {
      if (this.#owed.get(token) !== release) return;
      if (monotonicNow() > release.until) return this.cancel(token);
      const nextMs = Math.min(2 * waitMs, RETRY_MS.longest, release.forMs / LEAST_TRIES);
      release.timer = setTimeout(() => this.#try(token, release, nextMs), waitMs);
      release.timer.unref();
    };
    const onAnswer = (wasHeld: boolean) => {
      if (wasHeld || !release.mayComeLater) return this.cancel(token);
      release.until = Math.min(release.until, monotonicNow() + LATE_MS);
      again();
    };
    release.send().then(onAnswer, (error: unknown) => {
      if (isMisconfigured(error)) release.forbidden?.(error);
      again();
    });
  }
}
