import type { Request, Response } from 'express';
import type { RateLimitSettings } from './options.js';

type RefundOptions = Pick<
  RateLimitSettings,
  'skipFailedRequests' | 'skipSuccessfulRequests' | 'requestWasSuccessful'
>;

/** Gives back what a request cost, at most once, when its outcome is one that is not to be counted. */
export function refundByOutcome(
  req: Request,
  res: Response,
  options: RefundOptions,
  refund: () => void,
): void {
  const { skipFailedRequests, skipSuccessfulRequests, requestWasSuccessful } = options;
  let settled = false;
  const settle = async (answered: boolean) => {
    if (settled) return;
    settled = true;
    const successful = answered && (await requestWasSuccessful(req, res));
    if (successful ? skipSuccessfulRequests : skipFailedRequests) refund();
  };
  // An outcome that cannot be told keeps its charge.
  res.once('finish', () => settle(true).catch(() => undefined));
  res.once('close', () => settle(false).catch(() => undefined));
}
