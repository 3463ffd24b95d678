import { createHash } from 'node:crypto';
import type { Response } from 'express';
import { serializeItem } from 'structured-headers';
import type { Quota, QuotaVerdict } from '../../src/limits/index.js';
import { memoize } from '../../src/memoize.js';
import type { RateLimitOptions } from './options.js';

/** `draft-6` to `draft-11`, or true for `draft-6`. */
type StandardHeaders = NonNullable<RateLimitOptions['standardHeaders']>;

const PARTITION_KEY_BYTES = 9;

const seconds = (ms: number) => Math.ceil(ms / 1000);

// A sliding window counts a charge until a tenth of the window later. A client that sends `limit` requests in the
// announced time is never refused; by `windowMs` alone one at 99 % of the announced rate was, 12 times of 160.
const enforcedMs = ({ windowMs, algorithm }: Quota) =>
  algorithm === 'sliding-window' ? (windowMs * 11) / 10 : windowMs;

const windowSeconds = (quota: Quota) => seconds(enforcedMs(quota));

// With a limit of 0 no charge leaves the window: nothing within no time would be an invitation.
const untilMoreMs = (quota: Quota) => (quota.limit === 0 ? enforcedMs(quota) : quota.resetMs);

/** The quota that is closest to its limit; of a refused request one that was exceeded. */
export function tightest(quotas: readonly Quota[]): Quota {
  if (quotas.length === 1) return quotas[0]!;
  const exceeded = quotas.filter(({ retryAfterMs }) => retryAfterMs > 0);
  const candidates = exceeded.length > 0 ? exceeded : quotas;
  return candidates.reduce((a, b) => (shareLeft(b) < shareLeft(a) ? b : a));
}

function shareLeft({ limit, remaining }: Quota): number {
  if (limit === 0) return 0;
  return limit === Number.POSITIVE_INFINITY ? 1 : remaining / limit;
}

// An unlimited quota cannot be represented in a header.
const limitedOf = (quotas: readonly Quota[]) =>
  quotas.filter(({ limit }) => limit < Number.POSITIVE_INFINITY);

/** Sets the `RateLimit` headers of one of the versions of draft-ietf-httpapi-ratelimit-headers. */
export function setStandardHeaders(
  res: Response,
  version: StandardHeaders,
  quotas: readonly Quota[],
  key: string,
): void {
  const limited = limitedOf(quotas);
  if (limited.length === 0) return;
  if (version === 'draft-11' || version === 'draft-8') {
    setQuotaFields(res, limited, version === 'draft-8' ? key : undefined);
    return;
  }
  const quota = tightest(limited);
  const { limit, remaining } = quota;
  const reset = seconds(untilMoreMs(quota));
  res.setHeader('RateLimit-Policy', `${limit};w=${windowSeconds(quota)}`);
  if (version === 'draft-7') {
    res.setHeader('RateLimit', `limit=${limit}, remaining=${remaining}, reset=${reset}`);
    return;
  }
  res.setHeader('RateLimit-Limit', String(limit));
  res.setHeader('RateLimit-Remaining', String(remaining));
  res.setHeader('RateLimit-Reset', String(reset));
}

// Structured fields (RFC 9651): q quota, w window, r remaining, t seconds until more is available, pk partition key.
function setQuotaFields(res: Response, quotas: readonly Quota[], partition: string | undefined): void {
  const pk = partition === undefined ? '' : `;pk=${serializeItem(partitionKey(partition))}`;
  append(
    res,
    'RateLimit-Policy',
    listed(quotas, (quota) => `;q=${quota.limit};w=${windowSeconds(quota)}${pk}`),
  );
  append(
    res,
    'RateLimit',
    listed(quotas, (quota) => `;r=${quota.remaining};t=${seconds(untilMoreMs(quota))}`),
  );
}

// There are few names. An integer is written as it is, so the library only has to escape names, once each.
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

// Another limiter may have set the fields before. Both are lists.
function append(res: Response, name: string, members: string): void {
  const earlier = res.getHeader(name);
  res.setHeader(name, earlier === undefined ? members : `${String(earlier)}, ${members}`);
}

/** Sets `X-RateLimit-*` as express-rate-limit does, by the quota that is closest to its limit. */
export function setLegacyHeaders(res: Response, { quotas, at }: QuotaVerdict): void {
  const limited = limitedOf(quotas);
  if (limited.length === 0) return;
  const quota = tightest(limited);
  const { limit, remaining } = quota;
  res.setHeader('X-RateLimit-Limit', String(limit));
  res.setHeader('X-RateLimit-Remaining', String(remaining));
  res.setHeader('X-RateLimit-Reset', String(seconds(at + untilMoreMs(quota))));
}

/** Sets `Retry-After` in seconds, rounded up; not at all when no wait would help. */
export function setRetryAfter(res: Response, { quotas, blockedMs }: QuotaVerdict): void {
  const waitMs = Math.max(blockedMs, ...quotas.map(({ retryAfterMs }) => retryAfterMs));
  if (Number.isFinite(waitMs)) res.setHeader('Retry-After', String(Math.max(1, seconds(waitMs))));
}
