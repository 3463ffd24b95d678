import type { Exchange } from './exchanges.js';

export const fresh = { 'Cache-Control': 'max-age=60' };

/** A request that the cache answers. */
export const hit = (path: string, more: Partial<Exchange> = {}): Exchange => ({
  path,
  from: 'cache',
  ...more,
});

/** A request that the origin answers, with a fresh response. */
export const miss = (path: string, more: Partial<Exchange> = {}): Exchange => ({
  path,
  origin: { headers: fresh },
  from: 'origin',
  ...more,
});
