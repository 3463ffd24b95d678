import { isUnavailable, ToolkitError } from '../errors.js';
import { clearTimeout, monotonicNow, setTimeout } from '../timers.js';

/** Said of a lock that Redis holds for somebody else, or for nobody. */
export const NOT_OURS = "the lock was lost: its key is gone, or is somebody else's";

export function lockLost(message: string, cause?: unknown): ToolkitError {
  return new ToolkitError('LOCK_LOST', message, { cause });
}

const RENEWALS_PER_TTL = 3;
const RETRY_MS = 100;

/**
 * Milliseconds from the moment a command was sent for which its key cannot have expired: a tenth less than Redis was
 * told, for two clocks that do not run equally fast, and for the function to stop in time.
 */
export const assuredMs = (ttlMs: number): number => ttlMs * 0.9;

export interface Lease {
  /** Aborted, with the error as its reason, when another may hold the lock. */
  readonly lost: AbortSignal;
  /** Renews no more, and has the last look at the clock: a blocked event loop may have held the timers up. */
  end(): void;
}

/**
 * Renews a lock until `end`, and says at once when it cannot be vouched for any more. Time is this process' monotonic
 * clock, counted from before each command was sent, so that an answer that was long on its way vouches for less.
 */
export function keepLease(renew: () => Promise<boolean>, sentAt: number, ttlMs: number): Lease {
  const lost = new AbortController();
  let trouble: unknown;
  let isOver = false;
  let assuredUntil = sentAt + assuredMs(ttlMs);
  let renewal: NodeJS.Timeout;
  let expiry: NodeJS.Timeout;

  const stop = () => {
    isOver = true;
    clearTimeout(renewal);
    clearTimeout(expiry);
  };
  const lose = (message: string, cause?: unknown) => {
    stop();
    lost.abort(lockLost(message, cause));
  };
  const loseIfLate = () => {
    if (isOver || monotonicNow() < assuredUntil) return;
    lose('the lock was lost: it was not renewed in time', trouble);
  };
  const watch = () => {
    clearTimeout(expiry);
    loseIfLate();
    if (isOver) return;
    // Timers may fire a part of a millisecond early.
    expiry = setTimeout(watch, Math.ceil(assuredUntil - monotonicNow()));
    expiry.unref();
  };
  const renewAfter = (ms: number) => {
    renewal = setTimeout(() => void renewOnce(), ms);
    renewal.unref();
  };
  const renewOnce = async () => {
    const asked = monotonicNow();
    try {
      const isHeld = await renew();
      if (isOver) return;
      if (!isHeld) return lose(NOT_OURS);
      trouble = undefined;
      assuredUntil = asked + assuredMs(ttlMs);
      watch();
      if (!isOver) renewAfter(ttlMs / RENEWALS_PER_TTL);
    } catch (error) {
      if (isOver) return;
      if (!isUnavailable(error)) return lose('the lock was lost: Redis refused to renew it', error);
      trouble = error;
      renewAfter(Math.min(RETRY_MS, ttlMs / 10));
    }
  };

  watch();
  renewAfter(ttlMs / RENEWALS_PER_TTL);
  return {
    lost: lost.signal,
    end() {
      loseIfLate();
      stop();
    },
  };
}
