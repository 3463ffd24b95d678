import type { NextFunction, Request, Response } from 'express';
import type { RateLimitInfo, RateLimitOptions } from './rate-limit.js';
import { setRetryAfter } from './rate-limit-headers.js';

const QUOTA_EXCEEDED = 'https://iana.org/assignments/http-problem-types#quota-exceeded';

type AnswerOptions = Pick<RateLimitOptions, 'handler' | 'message'> & { readonly statusCode: number };

/** 429 by content negotiation: the configured message, or an RFC 9457 problem for clients that prefer it. */
export function answerTooManyRequests(
  req: Request,
  res: Response,
  next: NextFunction,
  info: RateLimitInfo,
  { handler, message, statusCode }: AnswerOptions,
): void {
  const violated = info.policies.filter(({ retryAfterMs }) => retryAfterMs > 0);
  setRetryAfter(res, violated);
  if (handler) return void handler(req, res, next, info);
  res.status(statusCode);
  if (typeof message === 'object') return void res.json(message);
  const type = req.accepts(['text/plain', 'application/problem+json', 'application/json']);
  if (type === 'application/problem+json' || type === 'application/json') {
    const problem = {
      type: QUOTA_EXCEEDED,
      title: 'Quota exceeded',
      status: statusCode,
      detail: message,
      'violated-policies': violated.map(({ name }) => name),
    };
    res.type(type).send(JSON.stringify(problem));
    return;
  }
  res.type('text/plain').send(message);
}
