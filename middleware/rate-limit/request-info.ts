import type { QuotaVerdict } from '../../src/limits/index.js';
import { RecentMap } from '../../src/recent-map.js';
import { tightest } from './headers.js';
import type { RateLimitInfo } from './options.js';

const MAX_CLIENTS = 10_000;

/**
 * Counts the refusals of each client since its last admission by this process. A rejection charges nothing in Redis, but
 * express-rate-limit documents `used === limit + 1` for the first one.
 */
export class RefusalCounts {
  readonly #counts = new RecentMap<number>(MAX_CLIENTS);

  clear(): void {
    this.#counts.clear();
  }

  /** Notes a decision. Returns the number of refusals in a row. */
  note(client: string, admitted: boolean): number {
    if (admitted) {
      if (!this.#counts.isEmpty) this.#counts.delete(client);
      return 0;
    }
    const refusals = (this.#counts.get(client) ?? 0) + 1;
    this.#counts.set(client, refusals);
    return refusals;
  }
}

/** What a request finds in `req.rateLimit`. */
export function infoOf(key: string, { quotas, at }: QuotaVerdict, refusals = 0): RateLimitInfo {
  const { limit, used, remaining, resetMs } = tightest(quotas);
  const counted = refusals > 0 ? limit + refusals : used;
  const resetTime = new Date(at + resetMs);
  return { limit, current: counted, used: counted, remaining, resetTime, key, policies: quotas };
}
