import type { Request, Response } from 'express';
import { serializeList, Token } from 'structured-headers';
import { isObserved, publish } from '../../src/diagnostics.js';
import { memoize } from '../../src/memoize.js';
import { monotonicNow } from '../../src/timers.js';
import { stateOf } from '../request-state.js';
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

declare module '../request-state.js' {
  interface RequestState {
    /** When the request arrived at the cache, on the monotonic clock; only while somebody listens. */
    cacheArrivedAt?: number;
    /** The entry that it asks for; only while somebody listens. */
    cacheId?: string;
  }
}

/** Notes when a request arrives, for the events. */
export function noteArrival(req: Request, id: string): void {
  const isHeard = isObserved('hit') || isObserved('miss') || isObserved('bypassed');
  if (isHeard) Object.assign(stateOf(req), { cacheArrivedAt: monotonicNow(), cacheId: id });
}

/** Adds a member to `Cache-Status` (RFC 9211), behind those of caches nearer to the origin, and publishes the decision. */
export function setCacheStatus(res: Response, parameters: CacheStatus): void {
  const own = memberFor(JSON.stringify(parameters));
  const earlier = res.getHeader('Cache-Status');
  res.setHeader('Cache-Status', earlier === undefined ? own : `${String(earlier)}, ${own}`);
  const name = parameters.hit ? 'hit' : parameters.fwd === 'bypass' ? 'bypassed' : 'miss';
  publish(name, () => eventOf(parameters, res.req), res.req);
}

function eventOf({ fwd, stored = false, collapsed, detail }: CacheStatus, req: Request) {
  const { cacheArrivedAt, cacheId } = stateOf(req);
  return {
    ...(cacheId !== undefined && { id: cacheId }),
    ...(fwd && { fwd }),
    stored,
    collapsed: collapsed === true,
    ...(detail && { detail }),
    ...(cacheArrivedAt !== undefined && { durationMs: monotonicNow() - cacheArrivedAt }),
  };
}

function serialized(parameters: CacheStatus): string {
  const given = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined || value === false
      ? []
      : [[name, typeof value === 'string' ? new Token(value) : value] as const],
  );
  return serializeList([[CACHE_NAME, new Map(given)]]);
}
