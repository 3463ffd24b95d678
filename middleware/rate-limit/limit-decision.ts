import { publish } from '../../src/diagnostics.js';
import { isUnavailable } from '../../src/errors.js';
import {
  LocalLimiter,
  type QuotaVerdict,
  type RateLimiter,
  type RefusedClients,
} from '../../src/limits/index.js';
import { linkTo, type RedisLink } from '../../src/redis/index.js';
import { monotonicNow } from '../../src/timers.js';
import { UnavailableNotices } from '../../src/redis-unavailable.js';
import type { RateLimitSettings } from './options.js';
import type { QuotaQuestion } from './quota-question.js';

/** The decision about one request; undefined when the request is not limited. */
export interface QuotaDecision {
  readonly key: string;
  readonly verdict: QuotaVerdict;
  /** Gives the charge back. */
  readonly refund: () => void;
}

type Source = 'redis' | 'memory' | 'process';

type OnUnavailable = RateLimitSettings['onUnavailable'];

const CONSEQUENCES: Record<OnUnavailable, string> = {
  open: 'requests are not limited',
  closed: 'requests are refused',
  local: 'requests are counted in this process only',
};

const noticesOfLinks = new WeakMap<RedisLink, Map<OnUnavailable, UnavailableNotices>>();

/** The limiters of a client report an outage together. */
function noticesOf(link: RedisLink, onUnavailable: OnUnavailable): UnavailableNotices {
  const ofLink = noticesOfLinks.get(link) ?? new Map<OnUnavailable, UnavailableNotices>();
  noticesOfLinks.set(link, ofLink);
  const notices = ofLink.get(onUnavailable) ?? new UnavailableNotices('rateLimit', link);
  ofLink.set(onUnavailable, notices);
  return notices;
}

/** Decides from the memory of refused clients, by Redis, and without Redis as `onUnavailable` says. */
export class QuotaDecider {
  readonly #limiter: RateLimiter;
  readonly #refused: RefusedClients;
  // Made in the first outage: it holds memory for 50,000 windows.
  #local: LocalLimiter | undefined;
  readonly #onUnavailable: OnUnavailable;
  readonly #notices: UnavailableNotices;
  readonly #remembersRefusals: boolean;

  constructor(limiter: RateLimiter, refused: RefusedClients, options: RateLimitSettings) {
    this.#limiter = limiter;
    this.#refused = refused;
    this.#onUnavailable = options.onUnavailable;
    this.#notices = noticesOf(linkTo(options.redis), options.onUnavailable);
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
    // A refusal writes nothing, so it does not show that Redis takes writes again.
    if (verdict.admitted) this.#notices.succeeded();
    else if (this.#remembersRefusals) this.#refused.remember(key, policies, cost, verdict, askedAt);
    const refund = () => {
      this.#limiter.refund(key, verdict, cost).catch((error: unknown) => {
        this.#notices.failed('rateLimit: a refund failed, so the client stays charged for one window', error);
      });
    };
    return published('redis', question, verdict, refund);
  }

  #withoutRedis(question: QuotaQuestion, error: unknown): QuotaDecision | undefined {
    if (!isUnavailable(error)) throw error;
    this.#notices.applied(this.#onUnavailable, CONSEQUENCES[this.#onUnavailable], error);
    if (this.#onUnavailable === 'closed') throw error;
    if (this.#onUnavailable === 'open') return undefined;
    const { key, policies, cost } = question;
    this.#local ??= new LocalLimiter();
    const local = this.#local;
    const verdict = local.consume(key, policies, cost);
    return published('process', question, verdict, () => local.refund(key, verdict, cost));
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
