import type { Request } from 'express';
import { publish } from '../../src/diagnostics.js';
import type { QuotaVerdict, RateLimiter, RefusedClients } from '../../src/limits/index.js';
import { monotonicNow } from '../../src/timers.js';
import type { Consumption } from './consumption.js';
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

/** A consumption, with its request and the moment at which that asked. */
interface AskedConsumption extends Consumption {
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

  decide(consumption: Consumption, req: Request): QuotaDecision | Promise<QuotaDecision | undefined> {
    const { key, policies, cost } = consumption;
    const known = this.#refused.recall(key, policies, cost);
    const askedAt = monotonicNow();
    if (known) return this.#published('memory', { ...consumption, req, askedAt }, known, () => undefined);
    return this.#limiter.consume(key, policies, cost).then(
      (verdict) => this.#byRedis({ ...consumption, req, askedAt }, verdict),
      (error: unknown) => this.#afterFailure({ ...consumption, req, askedAt }, error),
    );
  }

  #byRedis(consumption: AskedConsumption, verdict: QuotaVerdict): QuotaDecision {
    const { key, policies, cost, askedAt } = consumption;
    // A refusal writes nothing, so it does not show that Redis takes writes again.
    if (verdict.admitted) this.#withoutRedis.ended();
    else if (this.#remembersRefusals) this.#refused.remember(key, policies, cost, verdict, askedAt);
    const refund = () => {
      this.#limiter
        .refund(key, verdict, cost)
        .then(() => publishRefund(consumption), this.#withoutRedis.refundFailed);
    };
    return this.#published('redis', consumption, verdict, refund);
  }

  #afterFailure(consumption: AskedConsumption, error: unknown): QuotaDecision | undefined {
    const local = this.#withoutRedis.decide(consumption, error);
    if (local) {
      const refund = () => {
        local.refund();
        publishRefund(consumption);
      };
      return this.#published('process', consumption, local.verdict, refund);
    }
    const identifier = identifierOf(consumption.policies);
    publish('uncounted', () => ({ identifier, reason: 'redis-unavailable' }), consumption.req);
    return undefined;
  }

  #published(
    by: Source,
    { key, cost, policies, req, askedAt }: AskedConsumption,
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

function publishRefund({ key, cost, policies, req }: AskedConsumption): void {
  publish('refunded', () => ({ identifier: identifierOf(policies), key, cost }), req);
}
