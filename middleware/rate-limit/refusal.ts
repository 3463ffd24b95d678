import type { NextFunction, Request, Response } from 'express';
import type { QuotaVerdict } from '../../src/limits/index.js';
import { setRetryAfter } from './headers.js';
import type { RateLimitOptions, RateLimitSettings } from './options.js';

const QUOTA_EXCEEDED = 'https://iana.org/assignments/http-problem-types#quota-exceeded';
const PROBLEM = 'application/problem+json';
const JSON_TYPE = 'application/json';
const TEXT = 'text/plain';

/** Refuses a request, by content negotiation: text, JSON, or an RFC 9457 problem. */
export function answerTooManyRequests(
  req: Request,
  res: Response,
  next: NextFunction,
  verdict: QuotaVerdict,
  options: RateLimitSettings,
): unknown {
  setRetryAfter(res, verdict);
  const { handler, message, statusCode } = options;
  if (handler) return handler(req, res, next, options as RateLimitOptions);
  res.status(statusCode);
  if (typeof message !== 'function') return answer(req, res, verdict, message);
  return Promise.resolve(message(req, res)).then((body) => {
    if (!res.writableEnded && !res.headersSent) answer(req, res, verdict, body);
  });
}

function answer(req: Request, res: Response, { quotas }: QuotaVerdict, body: unknown): void {
  if (typeof body !== 'string') {
    res.send(body);
    return;
  }
  res.vary('Accept');
  const type = wantedType(req);
  if (type === TEXT) {
    end(res, TEXT, body);
    return;
  }
  const violated = quotas.filter(({ retryAfterMs }) => retryAfterMs > 0).map(({ name }) => name);
  const problem = { type: QUOTA_EXCEEDED, title: 'Quota exceeded', status: res.statusCode, detail: body };
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
