import { publish } from '../../src/diagnostics.js';
import type { QuotaVerdict, RateLimiter, RefusedClients } from '../../src/limits/index.js';
import { monotonicNow } from '../../src/timers.js';
import type { RateLimitSettings } from './options.js';
import type { QuotaQuestion } from './quota-question.js';
import { WithoutRedis } from './redis-unavailable.js';

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
  readonly #withoutRedis: WithoutRedis;
  readonly #remembersRefusals: boolean;
  readonly #isDryRun: boolean;

  constructor(limiter: RateLimiter, refused: RefusedClients, options: RateLimitSettings) {
    this.#limiter = limiter;
    this.#refused = refused;
    this.#withoutRedis = new WithoutRedis(options);
    this.#isDryRun = options.dryRun;
    // A refund of an earlier request may make room before the wait that Redis reported is over.
    this.#remembersRefusals = !options.skipFailedRequests && !options.skipSuccessfulRequests;
  }

  decide(question: QuotaQuestion): QuotaDecision | Promise<QuotaDecision | undefined> {
    const { key, policies, cost } = question;
    const known = this.#refused.recall(key, policies, cost);
    if (known) return this.#published('memory', question, known, () => undefined);
    const askedAt = monotonicNow();
    return this.#limiter.consume(key, policies, cost).then(
      (verdict) => this.#byRedis(question, verdict, askedAt),
      (error: unknown) => this.#afterFailure(question, error),
    );
  }

  #byRedis(question: QuotaQuestion, verdict: QuotaVerdict, askedAt: number): QuotaDecision {
    const { key, policies, cost } = question;
    // A refusal writes nothing, so it does not show that Redis takes writes again.
    if (verdict.admitted) this.#withoutRedis.ended();
    else if (this.#remembersRefusals) this.#refused.remember(key, policies, cost, verdict, askedAt);
    const refund = () => {
      this.#limiter.refund(key, verdict, cost).catch(this.#withoutRedis.refundFailed);
    };
    return this.#published('redis', question, verdict, refund);
  }

  #afterFailure(question: QuotaQuestion, error: unknown): QuotaDecision | undefined {
    const local = this.#withoutRedis.decide(question, error);
    return local && this.#published('process', question, local.verdict, local.refund);
  }

  #published(
    by: Source,
    { key, cost }: QuotaQuestion,
    verdict: QuotaVerdict,
    refund: () => void,
  ): QuotaDecision {
    const name = this.#isDryRun ? 'dry-run' : verdict.admitted ? 'admitted' : 'refused';
    publish(name, () => {
      const { charges: _, ...details } = verdict;
      return { key, cost, by, ...details };
    });
    return { key, verdict, refund };
  }
}
