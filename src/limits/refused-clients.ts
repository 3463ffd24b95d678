import { RecentMap } from '../recent-map.js';
import { monotonicNow } from '../timers.js';
import type { Policy, QuotaVerdict } from './quota.js';

const MAX_CLIENTS = 10_000;
// Another process may reset or forgive the client. This process notices it within this time.
const MAX_MEMORY_MS = 1_000;

interface Refusal {
  readonly verdict: QuotaVerdict;
  readonly cost: number;
  readonly policies: readonly Policy[];
  readonly askedAt: number;
  readonly answeredAt: number;
}

/** Remembers clients that Redis has just refused, so that a flood is answered without asking Redis again. */
export class RefusedClients {
  readonly #refusals = new RecentMap<Refusal>(MAX_CLIENTS);
  readonly #forgottenAt = new RecentMap<number>(MAX_CLIENTS);
  #clearedAt = Number.NEGATIVE_INFINITY;

  /** @param askedAt `monotonicNow()` before Redis was asked */
  remember(
    client: string,
    policies: readonly Policy[],
    cost: number,
    verdict: QuotaVerdict,
    askedAt: number,
  ): void {
    // An answer from before a reset or a reward is not valid after it.
    if ((this.#forgottenAt.get(client) ?? this.#clearedAt) >= askedAt) return;
    this.#refusals.set(client, { verdict, cost, policies, askedAt, answeredAt: monotonicNow() });
  }

  /** The refusal that is still valid for this cost, with the remaining wait; undefined when Redis must be asked. */
  recall(client: string, policies: readonly Policy[], cost: number): QuotaVerdict | undefined {
    const refusal = this.#refusals.get(client);
    if (!refusal || !sameTerms(refusal.policies, policies)) return undefined;
    const { verdict, askedAt, answeredAt } = refusal;
    const now = monotonicNow();
    // Redis may still admit a smaller cost. A block refuses every cost.
    const waitMs =
      cost >= refusal.cost
        ? Math.max(...verdict.quotas.map((quota) => quota.retryAfterMs))
        : verdict.blockedMs;
    // Redis decided at some moment between question and answer. This memory ends at the earliest moment at which Redis
    // can admit the client, and the client is told the latest such moment.
    const elapsedAtMost = now - askedAt;
    if (elapsedAtMost > MAX_MEMORY_MS || waitMs <= elapsedAtMost) return undefined;
    return laterBy(now - answeredAt, verdict);
  }

  /** As `forget` for every client. */
  clear(): void {
    this.#clearedAt = monotonicNow();
    this.#refusals.clear();
    this.#forgottenAt.clear();
  }

  forget(client: string): void {
    this.#forgottenAt.set(client, monotonicNow());
    this.#refusals.delete(client);
  }
}

function laterBy(elapsedMs: number, verdict: QuotaVerdict): QuotaVerdict {
  const left = (ms: number) => Math.max(0, ms - elapsedMs);
  return {
    ...verdict,
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
