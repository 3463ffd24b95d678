import type { NextFunction, Request, Response } from 'express';
import type { Verdict } from '../src/rate-limiter.js';
import { setRetryAfter } from './rate-limit-headers.js';
import type { RateLimitOptions, RateLimitSettings } from './rate-limit-options.js';

const QUOTA_EXCEEDED = 'https://iana.org/assignments/http-problem-types#quota-exceeded';
const PROBLEM = 'application/problem+json';

/** Refuses a request, by content negotiation: text, JSON, or an RFC 9457 problem. */
export async function answerTooManyRequests(
  req: Request,
  res: Response,
  next: NextFunction,
  verdict: Verdict,
  options: RateLimitSettings,
): Promise<void> {
  setRetryAfter(res, verdict);
  if (options.handler) {
    await options.handler(req, res, next, options as RateLimitOptions);
    return;
  }
  res.status(options.statusCode);
  const { message } = options;
  const body: unknown = typeof message === 'function' ? await message(req, res) : message;
  if (res.writableEnded || res.headersSent) return;
  if (typeof body !== 'string') {
    res.send(body);
    return;
  }
  res.vary('Accept');
  const type = req.accepts(['text/plain', PROBLEM, 'application/json']);
  if (type !== PROBLEM && type !== 'application/json') {
    res.type('text/plain').send(body);
    return;
  }
  const violated = verdict.quotas.filter(({ retryAfterMs }) => retryAfterMs > 0).map(({ name }) => name);
  const problem = { type: QUOTA_EXCEEDED, title: 'Quota exceeded', status: options.statusCode, detail: body };
  res.type(type).send(JSON.stringify({ ...problem, 'violated-policies': violated }));
}
