import type { Response } from 'express';
import { serializeItem, serializeList } from 'structured-headers';
import type { Policy, Quota } from '../src/rate-limiter.js';

const seconds = (ms: number) => Math.ceil(ms / 1000);

/**
 * `RateLimit-Policy` and `RateLimit` as structured fields (RFC 9651), after
 * draft-ietf-httpapi-ratelimit-headers-11: `q` quota, `w` window, `r` remaining, `t` seconds until more is there.
 */
export function setStandardHeaders(res: Response, policyField: string, quotas: readonly Quota[]): void {
  res.setHeader('RateLimit-Policy', policyField);
  res.setHeader(
    'RateLimit',
    serializeList(
      quotas.map(({ name, remaining, resetMs }) => [
        name,
        new Map([
          ['r', remaining],
          ['t', seconds(resetMs)],
        ]),
      ]),
    ),
  );
}

export function policyField(policies: readonly Policy[]): string {
  return serializeList(
    policies.map(({ name, limit, windowMs }) => [
      name,
      new Map([
        ['q', limit],
        ['w', seconds(windowMs)],
      ]),
    ]),
  );
}

/** `X-RateLimit-*` as express-rate-limit sends them, of the policy that is closest to its limit. */
export function setLegacyHeaders(res: Response, quotas: readonly Quota[]): void {
  const tightest = quotas.reduce((a, b) => (b.remaining < a.remaining ? b : a));
  res.setHeader('X-RateLimit-Limit', String(tightest.limit));
  res.setHeader('X-RateLimit-Remaining', String(tightest.remaining));
  res.setHeader('X-RateLimit-Reset', String(seconds(Date.now() + tightest.resetMs)));
}

/** Seconds, rounded up: a client that waits this long is admitted. */
export function setRetryAfter(res: Response, quotas: readonly Quota[]): void {
  const waitMs = Math.max(...quotas.map(({ retryAfterMs }) => retryAfterMs));
  if (Number.isFinite(waitMs)) res.setHeader('Retry-After', String(Math.max(1, seconds(waitMs))));
}

/** Whether a name can travel as a structured-field string. */
export function isFieldString(name: string): boolean {
  try {
    serializeItem(name);
    return name !== '';
  } catch {
    return false;
  }
}
