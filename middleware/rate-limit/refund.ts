import { errorMonitor } from 'node:events';
import type { Request, Response } from 'express';
import { onceOn } from '../../src/listeners.js';
import { consoleLogger } from '../../src/logger.js';
import type { RateLimitSettings } from './options.js';

export type RefundByOutcome = (req: Request, res: Response, refund: () => void) => void;

/** Makes a function that gives the charge of a request back, at most once, if its outcome does not count. */
export function refundsByOutcome({
  skipFailedRequests,
  skipSuccessfulRequests,
  requestWasSuccessful,
  logger = consoleLogger,
}: RateLimitSettings): RefundByOutcome {
  if (!skipFailedRequests && !skipSuccessfulRequests) return () => undefined;
  let hasLogged = false;
  const logOnce = (err: unknown) => {
    if (hasLogged) return;
    hasLogged = true;
    logger.error({ err }, 'rateLimit: requestWasSuccessful failed, so its requests stay charged');
  };

  return (req, res, refund) => {
    let isSettled = false;
    const settle = async (isAnswered: boolean) => {
      if (isSettled) return;
      isSettled = true;
      const isSuccessful = isAnswered && (await requestWasSuccessful(req, res));
      if (isSuccessful ? skipSuccessfulRequests : skipFailedRequests) refund();
    };
    const settleFor = (isAnswered: boolean) => void settle(isAnswered).catch(logOnce);
    // The client may have left while Redis was asked, and its 'close' event is over.
    if (res.destroyed || req.socket.destroyed) return settleFor(res.writableFinished);
    onceOn(res, 'finish', () => settleFor(true));
    onceOn(res, 'close', () => settleFor(false));
    if (skipFailedRequests) onceOn(res, errorMonitor, () => settleFor(false));
  };
}
