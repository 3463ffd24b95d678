import { createHash } from 'node:crypto';
import type { Response } from 'express';
import { serializeItem } from 'structured-headers';
import type { Quota, QuotaVerdict } from '../../src/limits/index.js';
import { memoize } from '../../src/memoize.js';

export type StandardHeaders = 'draft-6' | 'draft-7' | 'draft-8' | 'draft-11' | boolean;

const PARTITION_KEY_BYTES = 9;

const seconds = (ms: number) => Math.ceil(ms / 1000);

/** The policy that a client is closest to exceeding. */
export function tightest(quotas: readonly Quota[]): Quota {
  return quotas.reduce((a, b) => (b.remaining / b.limit < a.remaining / a.limit ? b : a));
}

/** The `RateLimit` headers in one of the versions of draft-ietf-httpapi-ratelimit-headers. */
export function setStandardHeaders(
  res: Response,
  version: StandardHeaders,
  quotas: readonly Quota[],
  key: string,
): void {
  if (version === 'draft-11' || version === 'draft-8') {
    setFields(res, quotas, version === 'draft-8' ? key : undefined);
    return;
  }
  const { limit, remaining, resetMs, windowMs } = tightest(quotas);
  res.setHeader('RateLimit-Policy', `${limit};w=${seconds(windowMs)}`);
  if (version === 'draft-7') {
    res.setHeader('RateLimit', `limit=${limit}, remaining=${remaining}, reset=${seconds(resetMs)}`);
    return;
  }
  res.setHeader('RateLimit-Limit', String(limit));
  res.setHeader('RateLimit-Remaining', String(remaining));
  res.setHeader('RateLimit-Reset', String(seconds(resetMs)));
}

// Structured fields (RFC 9651): q quota, w window, r remaining, t seconds until more is there, pk whose quota it is.
function setFields(res: Response, quotas: readonly Quota[], partition: string | undefined): void {
  const pk = partition === undefined ? '' : `;pk=${serializeItem(partitionKey(partition))}`;
  append(
    res,
    'RateLimit-Policy',
    listed(quotas, ({ limit, windowMs }) => `;q=${limit};w=${seconds(windowMs)}${pk}`),
  );
  append(
    res,
    'RateLimit',
    listed(quotas, ({ remaining, resetMs }) => `;r=${remaining};t=${seconds(resetMs)}`),
  );
}

// Names are few and always the same, and an integer is written as it is: what a library has to escape, it does once.
const memberOf = memoize(1_000, (name) => serializeItem(name));

function listed(quotas: readonly Quota[], parameters: (quota: Quota) => string): string {
  let list = '';
  for (const quota of quotas) {
    list += `${list && ', '}${memberOf(quota.name)}${parameters(quota)}`;
  }
  return list;
}

function partitionKey(key: string): ArrayBuffer {
  const digest = createHash('sha256').update(key).digest().subarray(0, PARTITION_KEY_BYTES);
  return new Uint8Array(digest).buffer;
}

// Another limiter may have spoken before: both fields are lists.
function append(res: Response, name: string, members: string): void {
  const earlier = res.getHeader(name);
  res.setHeader(name, earlier === undefined ? members : `${String(earlier)}, ${members}`);
}

/** `X-RateLimit-*` as express-rate-limit sends them, of the policy that is closest to its limit. */
export function setLegacyHeaders(res: Response, { quotas, at }: QuotaVerdict): void {
  const { limit, remaining, resetMs } = tightest(quotas);
  res.setHeader('X-RateLimit-Limit', String(limit));
  res.setHeader('X-RateLimit-Remaining', String(remaining));
  res.setHeader('X-RateLimit-Reset', String(seconds(at + resetMs)));
}

/** Seconds, rounded up: a client that waits this long is admitted, if its cost is ever admitted at all. */
export function setRetryAfter(res: Response, { quotas, blockedMs }: QuotaVerdict): void {
  const waitMs = Math.max(blockedMs, ...quotas.map(({ retryAfterMs }) => retryAfterMs));
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
