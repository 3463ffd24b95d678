import type { Request, RequestHandler, Response } from 'express';
import { publish } from '../../src/diagnostics.js';
import { declareLimiter, RateLimiter, RefusedClients } from '../../src/limits/index.js';
import { linkTo, whenReset } from '../../src/redis/index.js';
import { whenSettled } from '../../src/settle.js';
import { middlewareOf, type Step, type StepAnswer } from '../stack/index.js';
import { consumptions } from './consumption.js';
import { dryRunStep } from './dry-run.js';
import { setLegacyHeaders, setStandardHeaders } from './headers.js';
import { type RateLimitCalls, rateLimitCalls } from './instance-api.js';
import { identifierOf, QuotaDecider, type QuotaDecision } from './limit-decision.js';
import { checkNameReuse, type MisuseWatch, misuseWatch } from './misuse.js';
import type { RateLimitOptions, RateLimitSettings } from './options.js';
import { declarationOf, hasFixedWindow, readPolicies } from './policies.js';
import { labelled } from './policy-label.js';
import { type RefundByOutcome, refundsByOutcome } from './refund.js';
import { refuse } from './refusal.js';
import { infoOf, RefusalCounts } from './request-info.js';
import { rateLimitSettings } from './settings.js';

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
  const options = rateLimitSettings(given);
  const declared = readPolicies(given, options);
  checkNameReuse(declared, options);
  linkTo(options.redis, options.logger);
  const declaration = declarationOf(declared, options.prefix);
  declareLimiter(options.redis, declaration);
  const mayRefund = options.skipFailedRequests || options.skipSuccessfulRequests;
  const limiter = new RateLimiter(options.redis, {
    ...options,
    name: declaration.name,
    // A refund closes the tally: the next charge would need two round trips.
    tallies: !mayRefund && declared.every(hasFixedWindow),
  });
  const refused = new RefusedClients();
  whenReset(options.redis, () => refused.clear());
  const decider = new QuotaDecider(limiter, refused, options);
  const consumptionOf = consumptions(declared, options);
  const misuse = misuseWatch(options);
  const refundByOutcome = refundsByOutcome(options);
  // It charges, so it is not asked again for a request that it has met.
  const ask = (req: Request, res: Response) => {
    if (misuse.hasMet(req)) return undefined;
    return whenSettled(consumptionOf(req, res), (consumption) => {
      if (consumption) return decider.decide(consumption, req);
      publish('uncounted', () => ({ identifier: identifierOf(declared), reason: 'skipped' }), req);
      return undefined;
    });
  };
  const step = options.dryRun
    ? dryRunStep({ ask, misuse, refundByOutcome }, options)
    : enforcingStep({ ask, misuse, refundByOutcome }, options);
  return Object.assign(middlewareOf(step), rateLimitCalls(limiter, refused, declared));
}

interface EnforcingParts {
  ask(req: Request, res: Response): StepAnswer<QuotaDecision | undefined>;
  readonly misuse: MisuseWatch;
  readonly refundByOutcome: RefundByOutcome;
}

function enforcingStep(
  { ask, misuse, refundByOutcome }: EnforcingParts,
  options: RateLimitSettings,
): Step<QuotaDecision | undefined> {
  const { identifier, requestPropertyName, standardHeaders, legacyHeaders } = options;
  const link = linkTo(options.redis);
  const refusals = new RefusalCounts();
  whenReset(options.redis, () => refusals.clear());
  return {
    asksWhenFirst: true,
    ask,
    ends: (decision) => !(decision instanceof Promise) && decision?.verdict.admitted === false,
    async act(req, res, next, answer) {
      if (!misuse.meet(req)) return next();
      const decision = await answer;
      // An answer from memory leaves with the other answers of this turn.
      if (answer && decision === answer) await link.endOfTurn();
      if (!decision) return next();
      const { key, refund } = decision;
      const info = infoOf(key, decision.verdict, refusals.note(key, decision.verdict.admitted));
      const properties = req as unknown as Record<string, unknown>;
      properties[requestPropertyName] = info;
      // The function `identifier` may read them.
      const named = labelled(decision.verdict, identifier, req, res);
      const verdict = named instanceof Promise ? await named : named;
      if (verdict !== decision.verdict)
        properties[requestPropertyName] = { ...info, policies: verdict.quotas };
      misuse.checkAddress(req, key);
      if (!res.headersSent) {
        if (standardHeaders) setStandardHeaders(res, standardHeaders, verdict.quotas, key);
        if (legacyHeaders) setLegacyHeaders(res, verdict);
      }
      if (!verdict.admitted) return refuse(req, res, next, verdict, options);
      refundByOutcome(req, res, refund);
      next();
    },
  };
}
