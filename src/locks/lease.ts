import { isUnavailable, ToolkitError } from '../errors.js';
import { clearTimeout, monotonicNow, setTimeout } from '../timers.js';

/** The message about a lock whose key is gone or has another holder's token. */
export const NOT_OURS = 'the lock was lost: its key is gone or belongs to another holder';

export function lockLost(message: string, cause?: unknown): ToolkitError {
  return new ToolkitError('LOCK_LOST', message, { cause });
}

const RENEWALS_PER_TTL = 3;
const RETRY_MS = 100;

/**
 * Milliseconds after the sending of a command for which its key cannot have expired. That is a tenth less than Redis was
 * told: two clocks do not run equally fast, and the function needs time to stop.
 */
export const assuredMs = (ttlMs: number): number => ttlMs * 0.9;

/**
 * Renews a lock until `end`, and aborts `lost` as soon as another may hold the lock. Time is this process' monotonic
 * clock, counted from the sending of each command, so that a late answer assures less time.
 */
export class Lease {
  readonly #renew: () => Promise<boolean>;
  readonly #ttlMs: number;
  readonly #lost = new AbortController();
  #assuredUntil: number;
  #lastFailure: unknown;
  #isOver = false;
  #renewal: NodeJS.Timeout | undefined;
  #expiry: NodeJS.Timeout | undefined;

  constructor(renew: () => Promise<boolean>, sentAt: number, ttlMs: number) {
    this.#renew = renew;
    this.#ttlMs = ttlMs;
    this.#assuredUntil = sentAt + assuredMs(ttlMs);
    this.#watchExpiry();
    this.#renewAfter(ttlMs / RENEWALS_PER_TTL);
  }

  /** Aborted, with the error as its reason, when another may hold the lock. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Stops renewing, and checks the clock once more: a blocked event loop may have delayed the timers. */
  end(): void {
    this.#loseIfLate();
    this.#stop();
  }

  #watchExpiry(): void {
    clearTimeout(this.#expiry);
    this.#loseIfLate();
    if (this.#isOver) return;
    // Timers may fire a part of a millisecond early.
    const leftMs = Math.ceil(this.#assuredUntil - monotonicNow());
    this.#expiry = setTimeout(() => this.#watchExpiry(), leftMs);
    this.#expiry.unref();
  }

  #renewAfter(ms: number): void {
    this.#renewal = setTimeout(() => void this.#renewOnce(), ms);
    this.#renewal.unref();
  }

  async #renewOnce(): Promise<void> {
    const sentAt = monotonicNow();
    try {
      const isHeld = await this.#renew();
      if (this.#isOver) return;
      if (!isHeld) return this.#lose(NOT_OURS);
      this.#lastFailure = undefined;
      this.#assuredUntil = sentAt + assuredMs(this.#ttlMs);
      this.#watchExpiry();
      if (!this.#isOver) this.#renewAfter(this.#ttlMs / RENEWALS_PER_TTL);
    } catch (error) {
      if (this.#isOver) return;
      if (!isUnavailable(error)) return this.#lose('the lock was lost: Redis refused to renew it', error);
      this.#lastFailure = error;
      this.#renewAfter(Math.min(RETRY_MS, this.#ttlMs / 10));
    }
  }

  #loseIfLate(): void {
    if (this.#isOver || monotonicNow() < this.#assuredUntil) return;
    this.#lose('the lock was lost: it was not renewed in time', this.#lastFailure);
  }

  #lose(message: string, cause?: unknown): void {
    this.#stop();
    this.#lost.abort(lockLost(message, cause));
  }

  #stop(): void {
    this.#isOver = true;
    clearTimeout(this.#renewal);
    clearTimeout(this.#expiry);
  }
}
