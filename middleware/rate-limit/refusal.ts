import type { NextFunction, Request, Response } from 'express';
import type { QuotaVerdict } from '../../src/limits/index.js';
import { whenSettled } from '../../src/settle.js';
import { removeContentFields } from '../content-fields.js';
import { setRetryAfter } from './headers.js';
import { aRetryAfterOrNone, type RateLimitSettings } from './options.js';
import { invalidResult, resolved } from './policies.js';

// The problem types of draft-ietf-httpapi-ratelimit-headers: a quota is used up, or `block` was called.
const PROBLEM_TYPES = 'https://iana.org/assignments/http-problem-types';
const QUOTA_EXCEEDED = { type: `${PROBLEM_TYPES}#quota-exceeded`, title: 'Quota Exceeded' };
const BLOCKED = { type: `${PROBLEM_TYPES}#abnormal-usage-detected`, title: 'Abnormal Usage Detected' };
const PROBLEM = 'application/problem+json';
const JSON_TYPE = 'application/json';
const TEXT = 'text/plain';

/** Refuses a request, by the option `handler` or with status and message. */
export function refuse(
  req: Request,
  res: Response,
  next: NextFunction,
  verdict: QuotaVerdict,
  options: RateLimitSettings,
): unknown {
  const { retryAfter, standardHeaders, legacyHeaders } = options;
  if (res.headersSent || !(standardHeaders || legacyHeaders)) return answer(req, res, next, verdict, options);
  if (retryAfter === undefined) {
    setRetryAfter(res, verdict);
    return answer(req, res, next, verdict, options);
  }
  return whenSettled(resolved('retryAfter', retryAfter, aRetryAfterOrNone, req, res), (seconds) => {
    if (!res.headersSent) {
      if (seconds === undefined) setRetryAfter(res, verdict);
      else res.setHeader('Retry-After', String(seconds));
    }
    return answer(req, res, next, verdict, options);
  });
}

function answer(
  req: Request,
  res: Response,
  next: NextFunction,
  verdict: QuotaVerdict,
  options: RateLimitSettings,
): unknown {
  const { handler, message, statusCode } = options;
  if (handler) return handler(req, res, next, options);
  if (res.headersSent) return cutOff(res);
  // Before `message` is called, which may describe its own content.
  removeContentFields(res);
  res.status(statusCode);
  const body: unknown = typeof message === 'function' ? message(req, res) : message;
  return whenSettled(body, (settled) => sendRefusal(req, res, verdict, settled));
}

// The client must see that the response is incomplete, and no cache may store it.
function cutOff(res: Response): void {
  if (!res.writableEnded) res.destroy();
}

/** Chooses text, JSON, or an RFC 9457 problem by content negotiation; a body that is no text is sent as it is. */
function sendRefusal(req: Request, res: Response, { quotas, blockedMs }: QuotaVerdict, body: unknown): void {
  if (res.headersSent) return;
  if (typeof body !== 'string') {
    if (['function', 'symbol', 'bigint'].includes(typeof body)) {
      throw invalidResult('message', body, 'must be a text, or a value for JSON');
    }
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
  const kind = blockedMs > 0 ? BLOCKED : QUOTA_EXCEEDED;
  const problem = { ...kind, status: res.statusCode, detail: body };
  end(res, type, JSON.stringify({ ...problem, 'violated-policies': violated }));
}

function wantedType(req: Request): string {
  const { accept } = req.headers;
  if (accept === undefined || accept === '*/*') return TEXT;
  return req.accepts([TEXT, PROBLEM, JSON_TYPE]) || TEXT;
}

// Not res.send: a refusal needs no ETag, and a flood of refusals must be cheap.
function end(res: Response, type: string, body: string): void {
  res.setHeader('Content-Type', `${type}; charset=utf-8`);
  res.setHeader('Content-Length', Buffer.byteLength(body));
  res.end(body);
}
