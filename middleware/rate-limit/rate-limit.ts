import type { RequestHandler } from 'express';
import { RateLimiter, RefusedClients } from '../../src/limits/index.js';
import { readOptions } from '../../src/read-options.js';
import { linkTo } from '../../src/redis/index.js';
import { middlewareOf, type Step } from '../stack/index.js';
import { type Asked, asker, decider } from './decision.js';
import { setLegacyHeaders, setStandardHeaders } from './headers.js';
import { infoOf, type RateLimitCalls, rateLimitCalls } from './instance-api.js';
import { checkNameReuse, misuseWatch } from './misuse.js';
import { checks, defaults, hints, type RateLimitOptions } from './options.js';
import { declaredCounter, readPolicies } from './policies.js';
import { refundByOutcome } from './refund.js';
import { answerTooManyRequests } from './refusal.js';

/** The middleware, and what can be done with a client's quota from anywhere. */
export interface RateLimitMiddleware extends RequestHandler, RateLimitCalls {}

/**
 * Limits how much a client may do in a window, counted in Redis by Redis' clock for all processes together. With
 * `sliding-window` no trailing window ever admits more than `limit`, whatever the arrival pattern, and a charge is
 * forgotten at most a tenth of a window late. A request is charged to all policies or to none. Costs one round trip;
 * none of its own inside `stack`; none at all for a client that was just refused.
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
  const limiter = new RateLimiter(options.redis, { ...options, name: declaredCounter(declared[0]!) });
  const refused = new RefusedClients();
  const ask = asker(declared, decider(limiter, refused, options), options);
  const misuse = misuseWatch(options);
  const mayRefund = options.skipFailedRequests || options.skipSuccessfulRequests;

  const step: Step<Asked> = {
    asksWhenFirst: true,
    // It charges, so it is not asked again for a request that it has met.
    ask: (req, res) => (misuse.hasMet(req) ? undefined : ask(req, res)),
    ends: (asked) => !(asked instanceof Promise) && asked?.verdict.admitted === false,
    async act(req, res, next, answer) {
      if (!misuse.meet(req)) return next();
      const asked = await answer;
      // An answer from memory leaves with the other answers of this turn.
      if (answer && asked === answer) await link.endOfTurn();
      if (!asked) return next();
      misuse.checkAddress(req);
      const { key, verdict } = asked;
      (req as unknown as Record<string, unknown>)[options.requestPropertyName] = infoOf(key, verdict);
      if (options.standardHeaders) setStandardHeaders(res, options.standardHeaders, verdict.quotas, key);
      if (options.legacyHeaders) setLegacyHeaders(res, verdict);
      if (!verdict.admitted) return answerTooManyRequests(req, res, next, verdict, options);
      if (mayRefund) refundByOutcome(req, res, options, asked.refund);
      next();
    },
  };
  return Object.assign(middlewareOf(step), rateLimitCalls(limiter, refused, declared));
}
