import type { RedisClient } from '../redis/index.js';
import { monotonicNow } from '../timers.js';
import { EXPIRED_AFTER_MS, releasesOn, settlesWithin } from './release-signal.js';

// Only while no message would be heard.
const LOOK_AGAIN_MS = { first: 5, longest: 80 };
// A message that would be heard is not sent when an ACL forbids the holder to publish.
const LONGEST_UNHEARD_MS = 1_000;

/** What a look at a lease has found. */
export interface Look<End> {
  /** How the lease has ended; undefined while somebody has it. */
  readonly end?: End | undefined;
  /** When it expires if its holder has died; 0 or less when that is not known. */
  readonly expiresInMs: number;
}

/**
 * Looks at a lease after each message that it was released, when it should have expired, and every few milliseconds while
 * no message would be heard. Resolves with its end; undefined when it has not ended within the time.
 *
 * @throws ToolkitError `REDIS_UNAVAILABLE` when the client is closed; the signal's reason; what `look` throws
 */
export async function lookUntilReleased<End>(
  redis: RedisClient,
  channel: string,
  look: () => Promise<Look<End>>,
  { withinMs = Number.POSITIVE_INFINITY, signal }: { withinMs?: number; signal?: AbortSignal },
): Promise<End | undefined> {
  const until = monotonicNow() + withinMs;
  const releases = releasesOn(redis, channel);
  let released = releases.next();
  releases.listen().catch(() => undefined);
  try {
    for (let waitMs = LOOK_AGAIN_MS.first; ; ) {
      const leftMs = until - monotonicNow();
      if (leftMs <= 0) return undefined;
      await settlesWithin(Math.min(waitMs, leftMs), released, releases.closed, signal);
      released = releases.next();
      const { end, expiresInMs } = await look();
      if (end !== undefined) return end;
      // The holder renews it, so another wait may follow.
      waitMs =
        releases.isHearing && expiresInMs > 0
          ? Math.min(expiresInMs + EXPIRED_AFTER_MS, LONGEST_UNHEARD_MS)
          : Math.min(2 * waitMs, LOOK_AGAIN_MS.longest);
    }
  } finally {
    releases.stop();
  }
}
