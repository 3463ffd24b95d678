import { LRUCache } from 'lru-cache';
import { monotonicNow } from '../timers.js';
import type { Policy, Verdict } from './quota.js';

const MOST_CLIENTS = 10_000;
// Another process may reset or forgive the client; this is how long it takes to be noticed here.
const LONGEST_MEMORY_MS = 5_000;

interface Refusal {
  readonly verdict: Verdict;
  readonly cost: number;
  readonly policies: readonly Policy[];
  readonly askedAt: number;
  readonly answeredAt: number;
}

/** Clients that Redis has just refused, so that a flood is answered without asking it again. */
export class RefusedClients {
  readonly #refusals = new LRUCache<string, Refusal>({ max: MOST_CLIENTS });
  readonly #forgottenAt = new LRUCache<string, number>({ max: MOST_CLIENTS });

  /** @param askedAt `monotonicNow()` before Redis was asked */
  remember(
    client: string,
    policies: readonly Policy[],
    cost: number,
    verdict: Verdict,
    askedAt: number,
  ): void {
    // An answer from before a reset or a reward says nothing about the time after it.
    if ((this.#forgottenAt.get(client) ?? Number.NEGATIVE_INFINITY) >= askedAt) return;
    this.#refusals.set(client, { verdict, cost, policies, askedAt, answeredAt: monotonicNow() });
  }

  /** The refusal that still holds for this cost, with what is left to wait; nothing when Redis has to be asked. */
  recall(client: string, policies: readonly Policy[], cost: number): Verdict | undefined {
    const refusal = this.#refusals.get(client);
    if (!refusal || !sameTerms(refusal.policies, policies)) return undefined;
    const { verdict, askedAt, answeredAt } = refusal;
    const now = monotonicNow();
    // A smaller cost may still be admitted; a block holds for all.
    const waitMs =
      cost >= refusal.cost
        ? Math.max(...verdict.quotas.map((quota) => quota.retryAfterMs))
        : verdict.blockedMs;
    // Redis decided somewhere between question and answer: the memory ends at the earliest moment at which it can
    // admit the client, and the client is told the latest.
    const elapsedAtMost = now - askedAt;
    if (elapsedAtMost > LONGEST_MEMORY_MS || waitMs <= elapsedAtMost) return undefined;
    return laterBy(now - answeredAt, verdict);
  }

  forget(client: string): void {
    this.#forgottenAt.set(client, monotonicNow());
    this.#refusals.delete(client);
  }
}

function laterBy(elapsedMs: number, verdict: Verdict): Verdict {
  const left = (ms: number) => Math.max(0, ms - elapsedMs);
  return {
    admitted: false,
    at: verdict.at + elapsedMs,
    blockedMs: left(verdict.blockedMs),
    quotas: verdict.quotas.map((quota) => ({
      ...quota,
      resetMs: left(quota.resetMs),
      retryAfterMs: left(quota.retryAfterMs),
    })),
  };
}

function sameTerms(a: readonly Policy[], b: readonly Policy[]): boolean {
  return (
    a === b || a.every((policy, i) => policy.limit === b[i]?.limit && policy.windowMs === b[i]?.windowMs)
  );
}
