import { LRUCache } from 'lru-cache';
import { monotonicNow } from '../timers.js';
import type { Policy, Quota, Verdict } from './quota.js';

const BUCKETS = 10;
const MOST_WINDOWS = 50_000;

/** Counts per bucket, the newest first, and the number of the newest. */
interface Window {
  readonly counts: number[];
  newest: number;
}

/**
 * Stands in for Redis while it does not answer: the same policies, counted in this process alone and always over
 * sliding windows. It starts empty, so a client may be admitted up to `limit` times more per process.
 */
export class LocalLimiter {
  readonly #windows = new LRUCache<string, Window>({ max: MOST_WINDOWS });

  consume(client: string, policies: readonly Policy[], cost: number): Verdict {
    const now = monotonicNow();
    const windows = policies.map((policy) => this.#windowOf(client, policy, now));
    const fits = policies.map((policy, i) => sum(windows[i]!) + cost <= policy.limit);
    const admitted = !fits.includes(false);
    if (admitted) for (const window of windows) window.counts[0]! += cost;
    const quotas = policies.map((policy, i) => quotaOf(policy, windows[i]!, admitted ? 0 : cost, now));
    return { admitted, blockedMs: 0, at: Date.now(), quotas };
  }

  refund(client: string, quotas: readonly Quota[], cost: number): void {
    const now = monotonicNow();
    for (const quota of quotas) {
      const window = this.#windowOf(client, quota, now);
      const age = window.newest - quota.charge.place;
      if (age <= BUCKETS) window.counts[age] = Math.max(0, (window.counts[age] ?? 0) - cost);
    }
  }

  #windowOf(client: string, policy: Policy, now: number): Window {
    const key = `${policy.countedAs ?? policy.name}\n${client}`;
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

function sum({ counts }: Window): number {
  return counts.reduce((total, count) => total + count, 0);
}

function quotaOf(policy: Policy, window: Window, refusedCost: number, now: number): Quota {
  const leavesIn = (age: number) => (window.newest - age + BUCKETS + 1) * bucketMs(policy) - now;
  const used = sum(window);
  const oldest = window.counts.findLastIndex((count) => count > 0);
  let retryAfterMs = 0;
  let left = used;
  for (let age = BUCKETS; age >= 0 && left + refusedCost > policy.limit; age--) {
    left -= window.counts[age]!;
    retryAfterMs = leavesIn(age);
  }
  return {
    ...policy,
    used,
    remaining: Math.max(0, policy.limit - used),
    resetMs: oldest === -1 ? 0 : leavesIn(oldest),
    retryAfterMs: refusedCost > policy.limit ? Number.POSITIVE_INFINITY : retryAfterMs,
    charge: { place: window.newest, salt: 0 },
  };
}
