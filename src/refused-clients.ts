import { LRUCache } from 'lru-cache';
import type { Policy, Verdict } from './rate-limiter.js';

const MOST_CLIENTS = 10_000;
// Another process may reset or forgive the client; this is how long it takes to be noticed here.
const LONGEST_MEMORY_MS = 5_000;

interface Refusal {
  readonly verdict: Verdict;
  readonly cost: number;
  readonly policies: readonly Policy[];
  readonly since: number;
}

/** Clients that Redis has just refused, so that a flood is answered without asking it again. */
export class RefusedClients {
  readonly #refusals = new LRUCache<string, Refusal>({ max: MOST_CLIENTS });

  /**
   * @param askedAt `performance.now()` before Redis was asked: counted from then, the memory ends no later than the
   * wait that Redis gave
   */
  remember(
    client: string,
    policies: readonly Policy[],
    cost: number,
    verdict: Verdict,
    askedAt: number,
  ): void {
    this.#refusals.set(client, { verdict, cost, policies, since: askedAt });
  }

  /** The refusal that still holds for this cost, with what is left to wait; nothing when Redis has to be asked. */
  recall(client: string, policies: readonly Policy[], cost: number): Verdict | undefined {
    const refusal = this.#refusals.get(client);
    if (!refusal || !sameTerms(refusal.policies, policies)) return undefined;
    const elapsed = performance.now() - refusal.since;
    const { verdict } = refusal;
    const blockedMs = Math.max(0, verdict.blockedMs - elapsed);
    // A smaller cost may still be admitted; a block holds for all.
    const waitMs =
      cost >= refusal.cost ? Math.max(...verdict.quotas.map((quota) => quota.retryAfterMs)) - elapsed : 0;
    if (elapsed > LONGEST_MEMORY_MS || Math.max(blockedMs, waitMs) <= 0) return undefined;
    return {
      ...verdict,
      blockedMs,
      quotas: verdict.quotas.map((quota) => ({
        ...quota,
        resetMs: Math.max(0, quota.resetMs - elapsed),
        retryAfterMs: Math.max(0, quota.retryAfterMs - elapsed),
      })),
    };
  }

  forget(client: string): void {
    this.#refusals.delete(client);
  }
}

function sameTerms(a: readonly Policy[], b: readonly Policy[]): boolean {
  return (
    a === b || a.every((policy, i) => policy.limit === b[i]?.limit && policy.windowMs === b[i]?.windowMs)
  );
}
