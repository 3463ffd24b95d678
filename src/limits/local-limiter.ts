import { LRUCache } from 'lru-cache';
import { monotonicNow } from '../timers.js';
import { counterName } from './counter-name.js';
import type { Policy, Quota, QuotaVerdict } from './quota.js';

const BUCKETS = 10;
const MAX_WINDOWS = 50_000;

/** Counts per bucket, the newest first, and the number of the newest. */
interface LocalWindow {
  readonly counts: number[];
  newest: number;
}

/**
 * Decides in place of Redis while Redis does not answer: the same policies, counted in this process only and always
 * over sliding windows. It starts empty, so each process may admit up to `limit` more requests of a client.
 */
export class LocalLimiter {
  readonly #windows = new LRUCache<string, LocalWindow>({ max: MAX_WINDOWS });

  consume(client: string, policies: readonly Policy[], cost: number): QuotaVerdict {
    const now = monotonicNow();
    const windows = policies.map((policy) => this.#windowOf(client, policy, now));
    const admitted = policies.every((policy, i) => sum(windows[i]!) + cost <= policy.limit);
    if (admitted) for (const window of windows) window.counts[0]! += cost;
    return {
      admitted,
      blockedMs: 0,
      at: Date.now(),
      quotas: policies.map((policy, i) => quotaOf(policy, windows[i]!, admitted ? 0 : cost, now)),
      charges: windows.map(({ newest }) => ({ bucket: newest, salt: 0 })),
    };
  }

  refund(client: string, { quotas, charges }: QuotaVerdict, cost: number): void {
    const now = monotonicNow();
    for (const [i, quota] of quotas.entries()) {
      const { counts, newest } = this.#windowOf(client, quota, now);
      const age = newest - charges[i]!.bucket;
      if (age <= BUCKETS) counts[age] = Math.max(0, (counts[age] ?? 0) - cost);
    }
  }

  #windowOf(client: string, policy: Policy, now: number): LocalWindow {
    const key = `${counterName(policy)}\n${client}`;
    const current = Math.floor(now / bucketMs(policy));
    const window = this.#windows.get(key) ?? { counts: Array<number>(BUCKETS + 1).fill(0), newest: current };
    const passed = Math.min(BUCKETS + 1, current - window.newest);
    if (passed > 0) {
      window.counts.unshift(...Array<number>(passed).fill(0));
      window.counts.length = BUCKETS + 1;
    }
    window.newest = current;
    this.#windows.set(key, window);
    return window;
  }
}

const bucketMs = ({ windowMs }: Policy): number => Math.ceil(windowMs / BUCKETS);

function sum({ counts }: LocalWindow): number {
  return counts.reduce((total, count) => total + count, 0);
}

function quotaOf(policy: Policy, window: LocalWindow, refusedCost: number, now: number): Quota {
  const leavesInMs = (age: number) => (window.newest - age + BUCKETS + 1) * bucketMs(policy) - now;
  const used = sum(window);
  const oldest = window.counts.findLastIndex((count) => count > 0);
  let retryAfterMs = 0;
  let left = used;
  for (let age = BUCKETS; age >= 0 && left + refusedCost > policy.limit; age--) {
    left -= window.counts[age]!;
    retryAfterMs = leavesInMs(age);
  }
  const { name, limit, windowMs, algorithm } = policy;
  return {
    name,
    limit,
    windowMs,
    algorithm,
    used,
    remaining: Math.max(0, limit - used),
    resetMs: oldest === -1 ? 0 : leavesInMs(oldest),
    retryAfterMs: refusedCost > limit ? Number.POSITIVE_INFINITY : retryAfterMs,
  };
}
