import type { Response } from 'express';
import { serializeList, Token } from 'structured-headers';
import { memoize } from '../../src/memoize.js';
import type { CacheReason } from './reasons.js';

/** Parameters of RFC 9211 §2. Strings become tokens; undefined is left out. */
export interface CacheStatus {
  readonly hit?: true;
  readonly fwd?: 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'request' | 'stale';
  readonly 'fwd-status'?: number;
  readonly ttl?: number;
  readonly stored?: boolean;
  readonly collapsed?: true;
  readonly detail?: CacheReason | undefined;
}

const CACHE_NAME = new Token('toolkit');

// There are few of them, and a hit is said more often than anything else.
const memberFor = memoize(1_000, (json) => serialized(JSON.parse(json) as CacheStatus));

/** Adds a member to `Cache-Status` (RFC 9211), behind those of caches nearer to the origin. */
export function setCacheStatus(res: Response, parameters: CacheStatus): void {
  const own = memberFor(JSON.stringify(parameters));
  const earlier = res.getHeader('Cache-Status');
  res.setHeader('Cache-Status', earlier === undefined ? own : `${String(earlier)}, ${own}`);
}

function serialized(parameters: CacheStatus): string {
  const given = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined || value === false
      ? []
      : [[name, typeof value === 'string' ? new Token(value) : value] as const],
  );
  return serializeList([[CACHE_NAME, new Map(given)]]);
}
