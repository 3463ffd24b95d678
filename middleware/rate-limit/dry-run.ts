import type { NextFunction, Request, Response } from 'express';
import { isUnavailable } from '../../src/errors.js';
import { consoleLogger } from '../../src/logger.js';
import { monotonicNow } from '../../src/timers.js';
import type { Step, StepAnswer } from '../stack/index.js';
import type { QuotaDecision } from './limit-decision.js';
import type { MisuseWatch } from './misuse.js';
import type { RateLimitSettings } from './options.js';
import type { RefundByOutcome } from './refund.js';

const LOG_AGAIN_AFTER_MS = 60_000;

type Answer = QuotaDecision | undefined;

interface DryRunParts {
  ask(req: Request, res: Response): StepAnswer<Answer>;
  readonly misuse: MisuseWatch;
  readonly refundByOutcome: RefundByOutcome;
}

/** A limiter that decides and refuses nobody, whatever fails. */
export function dryRunStep(
  { ask, misuse, refundByOutcome }: DryRunParts,
  settings: RateLimitSettings,
): Step<Answer> {
  const failures = new WeakMap<Request, unknown>();
  const report = dryRunLog(settings);
  return {
    asksWhenFirst: true,
    // An option may read what an earlier part of the stack sets: then the limiter is asked again when it acts.
    ask(req, res) {
      failures.delete(req);
      try {
        return ask(req, res);
      } catch (error) {
        failures.set(req, error);
        return undefined;
      }
    },
    async act(req: Request, res: Response, next: NextFunction, answer) {
      if (misuse.meet(req)) {
        try {
          const decision = await answer;
          if (failures.has(req)) throw failures.get(req);
          if (decision) misuse.checkAddress(req, decision.key);
          if (decision?.verdict.admitted) refundByOutcome(req, res, decision.refund);
          else if (decision) report.refused();
        } catch (error) {
          report.failed(error);
        }
      }
      next();
    },
  };
}

function dryRunLog({ logger = consoleLogger, identifier }: RateLimitSettings) {
  let refusals = 0;
  let loggedAt = Number.NEGATIVE_INFINITY;
  let hasFailed = false;
  return {
    refused(): void {
      refusals += 1;
      const now = monotonicNow();
      if (now - loggedAt < LOG_AGAIN_AFTER_MS) return;
      loggedAt = now;
      const fields = { refusals, ...(typeof identifier === 'string' && { identifier }) };
      logger.warn(fields, 'rateLimit: a dry run would have refused requests');
      refusals = 0;
    },
    failed(err: unknown): void {
      // An outage is reported where it is noticed.
      if (hasFailed || isUnavailable(err)) return;
      hasFailed = true;
      logger.error({ err }, 'rateLimit: a dry run failed; it does not count such requests');
    },
  };
}
