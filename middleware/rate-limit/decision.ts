import { publish } from '../../src/diagnostics.js';
import { isUnavailable } from '../../src/errors.js';
import {
  LocalLimiter,
  type QuotaVerdict,
  type RateLimiter,
  type RefusedClients,
} from '../../src/limits/index.js';
import { monotonicNow } from '../../src/timers.js';
import type { RateLimitSettings } from './options.js';
import type { QuotaQuestion } from './question.js';

/** The decision about one request; undefined when the request is not limited. */
export interface QuotaDecision {
  readonly key: string;
  readonly verdict: QuotaVerdict;
  /** Gives the charge back. */
  readonly refund: () => void;
}

type Source = 'redis' | 'memory' | 'process';

/** Decides from the memory of refused clients, by Redis, and without Redis as `onUnavailable` says. */
export class QuotaDecider {
  readonly #limiter: RateLimiter;
  readonly #refused: RefusedClients;
  readonly #local = new LocalLimiter();
  readonly #onUnavailable: RateLimitSettings['onUnavailable'];
  readonly #remembersRefusals: boolean;

  constructor(limiter: RateLimiter, refused: RefusedClients, options: RateLimitSettings) {
    this.#limiter = limiter;
    this.#refused = refused;
    this.#onUnavailable = options.onUnavailable;
    // A refund of an earlier request may make room before the wait that Redis reported is over.
    this.#remembersRefusals = !options.skipFailedRequests && !options.skipSuccessfulRequests;
  }

  decide(question: QuotaQuestion): QuotaDecision | Promise<QuotaDecision | undefined> {
    const { key, policies, cost } = question;
    const known = this.#refused.recall(key, policies, cost);
    if (known) return published('memory', question, known, () => undefined);
    const askedAt = monotonicNow();
    return this.#limiter.consume(key, policies, cost).then(
      (verdict) => this.#byRedis(question, verdict, askedAt),
      (error: unknown) => this.#withoutRedis(question, error),
    );
  }

  #byRedis(question: QuotaQuestion, verdict: QuotaVerdict, askedAt: number): QuotaDecision {
    const { key, policies, cost } = question;
    if (!verdict.admitted && this.#remembersRefusals) {
      this.#refused.remember(key, policies, cost, verdict, askedAt);
    }
    // The link reports an outage. A lost refund leaves the client charged for one window.
    const refund = () => void this.#limiter.refund(key, verdict, cost).catch(() => undefined);
    return published('redis', question, verdict, refund);
  }

  #withoutRedis(question: QuotaQuestion, error: unknown): QuotaDecision | undefined {
    if (!isUnavailable(error) || this.#onUnavailable === 'closed') throw error;
    if (this.#onUnavailable === 'open') return undefined;
    const { key, policies, cost } = question;
    const verdict = this.#local.consume(key, policies, cost);
    return published('process', question, verdict, () => this.#local.refund(key, verdict, cost));
  }
}

function published(
  by: Source,
  { key, cost }: QuotaQuestion,
  verdict: QuotaVerdict,
  refund: () => void,
): QuotaDecision {
  publish(verdict.admitted ? 'admitted' : 'refused', () => {
    const { charges: _, ...details } = verdict;
    return { key, cost, by, ...details };
  });
  return { key, verdict, refund };
}
