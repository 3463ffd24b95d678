import type { Request } from 'express';
import { publish } from '../../src/diagnostics.js';
import type { QuotaVerdict, RateLimiter, RefusedClients } from '../../src/limits/index.js';
import { monotonicNow } from '../../src/timers.js';
import type { QuotaQuestion } from './consumption.js';
import type { RateLimitSettings } from './options.js';
import { WithoutRedis } from './redis-unavailable.js';

/** The decision about one request; undefined when the request is not limited. */
export interface QuotaDecision {
  readonly key: string;
  readonly verdict: QuotaVerdict;
  /** Gives the charge back. */
  readonly refund: () => void;
}

type Source = 'redis' | 'memory' | 'process';

/** A question, and the request that asks it. */
interface AskedQuestion extends QuotaQuestion {
  readonly req: Request;
  readonly askedAt: number;
}

/** The name of a limiter in its events. */
export const identifierOf = (policies: readonly { readonly name: string }[]): string =>
  policies.map(({ name }) => name).join(', ');

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

  decide(question: QuotaQuestion, req: Request): QuotaDecision | Promise<QuotaDecision | undefined> {
    const { key, policies, cost } = question;
    const known = this.#refused.recall(key, policies, cost);
    const askedAt = monotonicNow();
    if (known) return this.#published('memory', { ...question, req, askedAt }, known, () => undefined);
    return this.#limiter.consume(key, policies, cost).then(
      (verdict) => this.#byRedis({ ...question, req, askedAt }, verdict),
      (error: unknown) => this.#afterFailure({ ...question, req, askedAt }, error),
    );
  }

  #byRedis(question: AskedQuestion, verdict: QuotaVerdict): QuotaDecision {
    const { key, policies, cost, askedAt } = question;
    // A refusal writes nothing, so it does not show that Redis takes writes again.
    if (verdict.admitted) this.#withoutRedis.ended();
    else if (this.#remembersRefusals) this.#refused.remember(key, policies, cost, verdict, askedAt);
    const refund = () => {
      this.#limiter
        .refund(key, verdict, cost)
        .then(() => publishRefund(question), this.#withoutRedis.refundFailed);
    };
    return this.#published('redis', question, verdict, refund);
  }

  #afterFailure(question: AskedQuestion, error: unknown): QuotaDecision | undefined {
    const local = this.#withoutRedis.decide(question, error);
    if (local) {
      const refund = () => {
        local.refund();
        publishRefund(question);
      };
      return this.#published('process', question, local.verdict, refund);
    }
    const identifier = identifierOf(question.policies);
    publish('uncounted', () => ({ identifier, reason: 'redis-unavailable' }), question.req);
    return undefined;
  }

  #published(
    by: Source,
    { key, cost, policies, req, askedAt }: AskedQuestion,
    verdict: QuotaVerdict,
    refund: () => void,
  ): QuotaDecision {
    const name = this.#isDryRun ? 'dry-run' : verdict.admitted ? 'admitted' : 'refused';
    const details = () => {
      const { charges: _, ...decided } = verdict;
      const durationMs = monotonicNow() - askedAt;
      return { identifier: identifierOf(policies), key, cost, by, ...decided, durationMs };
    };
    publish(name, details, req);
    return { key, verdict, refund };
  }
}

function publishRefund({ key, cost, policies, req }: AskedQuestion): void {
  publish('refunded', () => ({ identifier: identifierOf(policies), key, cost }), req);
}
