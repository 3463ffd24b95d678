import { clearTimeout, monotonicNow, setTimeout } from '../timers.js';

const RETRY_MS = { first: 50, longest: 1_000 };
// Far more than one outage leaves; a lease that is not retried expires.
const MOST_OWED = 1_000;

/** Sends a release; resolves with whether Redis had the lease. */
export type SendRelease = () => Promise<boolean>;

interface OwedRelease {
  readonly send: SendRelease;
  readonly until: number;
  /** Whether Redis may execute the question for the lease after it has answered the release. */
  readonly mayComeLater: boolean;
  timer?: NodeJS.Timeout;
}

/**
 * Releases of leases that Redis has not acknowledged. A command without an answer may have been executed: without a
 * release every later miss would wait until the lease expires.
 */
export class OwedReleases {
  readonly #owed = new Map<string, OwedRelease>();
  readonly #forMs: number;

  /** @param forMs how long a release is owed: as long as the lease can exist */
  constructor(forMs: number) {
    this.#forMs = forMs;
  }

  /** Releases a lease, and tries again until Redis acknowledges it. */
  add(token: string, send: SendRelease, { mayComeLater }: { mayComeLater: boolean }): void {
    const release: OwedRelease = { send, until: monotonicNow() + this.#forMs, mayComeLater };
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
      const nextMs = Math.min(2 * waitMs, RETRY_MS.longest);
      release.timer = setTimeout(() => this.#try(token, release, nextMs), waitMs);
      release.timer.unref();
    };
    release.send().then((wasHeld) => {
      if (wasHeld || !release.mayComeLater) this.cancel(token);
      else again();
    }, again);
  }
}
