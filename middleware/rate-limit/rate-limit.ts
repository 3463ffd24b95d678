import type { RequestHandler } from 'express';
import { RateLimiter, RefusedClients } from '../../src/limits/index.js';
import { readOptions } from '../../src/read-options.js';
import { linkTo } from '../../src/redis/index.js';
import { whenSettled } from '../../src/settle.js';
import { middlewareOf, type Step } from '../stack/index.js';
import { setLegacyHeaders, setStandardHeaders } from './headers.js';
import { type RateLimitCalls, rateLimitCalls } from './instance-api.js';
import { QuotaDecider, type QuotaDecision } from './limit-decision.js';
import { checkNameReuse, misuseWatch } from './misuse.js';
import { checks, defaults, hints, type RateLimitOptions } from './options.js';
import { declaredCounter, hasFixedWindow, readPolicies } from './policies.js';
import { quotaQuestions } from './quota-question.js';
import { refundsByOutcome } from './refund.js';
import { refuse } from './refusal.js';
import { infoOf, RefusalCounts } from './request-info.js';

/** The middleware, with methods to inspect and change a client's quota. */
export interface RateLimitMiddleware extends RequestHandler, RateLimitCalls {}

/**
 * Limits how much a client may do in a window, counted in Redis by Redis' clock for all processes together. With
 * `sliding-window`, look back `windowMs` from any moment: never more than `limit` requests were admitted. The price: a
 * client may have to wait up to 10 % longer than the window. A request is charged to all policies or to none. It costs
 * one round trip; none of its own inside `stack`; none at all for a client that was just refused.
 *
 * @example
 * app.use(rateLimit({ redis, windowMs: 15 * 60_000, limit: 100 }));
 * app.use(rateLimit({ redis, policies: [
 *   { name: 'burst', limit: 10, windowMs: 1000 },
 *   { name: 'hourly', limit: 1000, windowMs: 3_600_000 },
 * ] }));
 * @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN`; requests may end in `RATE_LIMIT_KEY_MISSING`,
 * `RATE_LIMIT_VALUE_INVALID`, and in `REDIS_UNAVAILABLE` with `onUnavailable: 'closed'`
 */
export function rateLimit(given: RateLimitOptions): RateLimitMiddleware {
  const options = readOptions('rateLimit', given, checks, defaults, ['redis'], hints);
  const declared = readPolicies(given, options);
  checkNameReuse(declared, options);
  const link = linkTo(options.redis, options.logger);
  const mayRefund = options.skipFailedRequests || options.skipSuccessfulRequests;
  const limiter = new RateLimiter(options.redis, {
    ...options,
    name: declaredCounter(declared[0]!),
    // A refund closes the tally: the next charge would need two round trips.
    tallies: !mayRefund && declared.every(hasFixedWindow),
  });
  const refused = new RefusedClients();
  const decider = new QuotaDecider(limiter, refused, options);
  const questionOf = quotaQuestions(declared, options);
  const misuse = misuseWatch(options);
  const refusals = new RefusalCounts();
  const refundByOutcome = refundsByOutcome(options);

  const step: Step<QuotaDecision | undefined> = {
    asksWhenFirst: true,
    // It charges, so it is not asked again for a request that it has met.
    ask(req, res) {
      if (misuse.hasMet(req)) return undefined;
      return whenSettled(questionOf(req, res), (question) => question && decider.decide(question));
    },
    ends: (decision) => !(decision instanceof Promise) && decision?.verdict.admitted === false,
    async act(req, res, next, answer) {
      if (!misuse.meet(req)) return next();
      const decision = await answer;
      // An answer from memory leaves with the other answers of this turn.
      if (answer && decision === answer) await link.endOfTurn();
      if (!decision) return next();
      const { key, verdict, refund } = decision;
      misuse.checkAddress(req, key);
      const info = infoOf(key, verdict, refusals.note(key, verdict.admitted));
      (req as unknown as Record<string, unknown>)[options.requestPropertyName] = info;
      if (!res.headersSent) {
        if (options.standardHeaders) setStandardHeaders(res, options.standardHeaders, verdict.quotas, key);
        if (options.legacyHeaders) setLegacyHeaders(res, verdict);
      }
      if (!verdict.admitted) return refuse(req, res, next, verdict, options);
      if (mayRefund) refundByOutcome(req, res, refund);
      next();
    },
  };
  return Object.assign(middlewareOf(step), rateLimitCalls(limiter, refused, declared));
}
