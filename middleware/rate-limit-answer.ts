import type { NextFunction, Request, Response } from 'express';
import type { Verdict } from '../src/rate-limiter.js';
import { handOver } from './hand-over.js';
import { setRetryAfter } from './rate-limit-headers.js';
import type { RateLimitOptions, RateLimitSettings } from './rate-limit-options.js';

const QUOTA_EXCEEDED = 'https://iana.org/assignments/http-problem-types#quota-exceeded';
const PROBLEM = 'application/problem+json';
const JSON_TYPE = 'application/json';
const TEXT = 'text/plain';

/** Refuses a request, by content negotiation: text, JSON, or an RFC 9457 problem. */
export async function answerTooManyRequests(
  req: Request,
  res: Response,
  next: NextFunction,
  verdict: Verdict,
  options: RateLimitSettings,
): Promise<void> {
  setRetryAfter(res, verdict);
  if (options.handler || typeof options.message === 'function') handOver(req);
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
  const type = wantedType(req);
  if (type === TEXT) return end(res, TEXT, body);
  const violated = verdict.quotas.filter(({ retryAfterMs }) => retryAfterMs > 0).map(({ name }) => name);
  const problem = { type: QUOTA_EXCEEDED, title: 'Quota exceeded', status: options.statusCode, detail: body };
  end(res, type, JSON.stringify({ ...problem, 'violated-policies': violated }));
}

function wantedType(req: Request): string {
  const { accept } = req.headers;
  if (accept === undefined || accept === '*/*') return TEXT;
  return req.accepts([TEXT, PROBLEM, JSON_TYPE]) || TEXT;
}

// Not res.send: a refusal is no representation that an ETag could name, and a flood of them is to be cheap.
function end(res: Response, type: string, body: string): void {
  res.setHeader('Content-Type', `${type}; charset=utf-8`);
  res.setHeader('Content-Length', Buffer.byteLength(body));
  res.end(body);
}
