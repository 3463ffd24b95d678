import type { Request, Response } from 'express';
import { publish } from '../../src/diagnostics.js';
import { isUnavailable } from '../../src/errors.js';
import {
  LocalLimiter,
  type Policy,
  type QuotaVerdict,
  type RateLimiter,
  type RefusedClients,
} from '../../src/limits/index.js';
import { memoize } from '../../src/memoize.js';
import { monotonicNow } from '../../src/timers.js';
import { ipKeyGenerator } from './client-address.js';
import type { RateLimitSettings } from './options.js';
import { type DeclaredPolicy, fixedPolicies, present, resolveCost, resolvePolicies } from './policies.js';

/** The verdict on one request, or nothing when it is not limited. */
export type Asked =
  | { readonly key: string; readonly verdict: QuotaVerdict; readonly refund: () => void }
  | undefined;
type Decide = (key: string, policies: readonly Policy[], cost: number) => Asked | Promise<Asked>;

/** Asks this process' memory first, then Redis, and does as `onUnavailable` says when it does not answer. */
export function decider(limiter: RateLimiter, refused: RefusedClients, options: RateLimitSettings): Decide {
  const local = new LocalLimiter();
  // What is refused now may be free earlier than Redis said when a request before it gets its charge back.
  const remembers = !options.skipFailedRequests && !options.skipSuccessfulRequests;

  const told = (
    by: 'redis' | 'memory' | 'process',
    key: string,
    cost: number,
    verdict: QuotaVerdict,
    refund: () => void,
  ): Asked => {
    publish(verdict.admitted ? 'admitted' : 'refused', () => ({ key, cost, by, ...verdict }));
    return { key, verdict, refund };
  };

  const askLocally = (key: string, policies: readonly Policy[], cost: number): Asked => {
    const verdict = local.consume(key, policies, cost);
    return told('process', key, cost, verdict, () => local.refund(key, verdict, cost));
  };

  const askRedis = (key: string, policies: readonly Policy[], cost: number): Promise<Asked> => {
    const askedAt = monotonicNow();
    const heed = (verdict: QuotaVerdict): Asked => {
      if (!verdict.admitted && remembers) refused.remember(key, policies, cost, verdict, askedAt);
      // The link reports an outage; a refund that is lost leaves the client charged for one window.
      const refund = () => void limiter.refund(key, verdict, cost).catch(() => undefined);
      return told('redis', key, cost, verdict, refund);
    };
    const doWithout = (error: unknown): Asked => {
      if (!isUnavailable(error) || options.onUnavailable === 'closed') throw error;
      return options.onUnavailable === 'open' ? undefined : askLocally(key, policies, cost);
    };
    return limiter.consume(key, policies, cost).then(heed, doWithout);
  };

  return (key, policies, cost) => {
    const known = refused.recall(key, policies, cost);
    return known ? told('memory', key, cost, known, () => undefined) : askRedis(key, policies, cost);
  };
}

/** Makes the question of a request, in the same tick when nothing in the options is asynchronous. */
export function asker(declared: readonly DeclaredPolicy[], decide: Decide, options: RateLimitSettings) {
  const fixed = fixedPolicies(declared);
  // Reading an address takes 8 µs, a twentieth of a request; the same few clients come again and again.
  const keyOf = memoize(10_000, (ip) => ipKeyGenerator(ip, options.ipv6Subnet));

  const askFor = (req: Request, res: Response): Asked | Promise<Asked> => {
    const key = options.keyGenerator ? options.keyGenerator(req, res) : req.ip && keyOf(req.ip);
    const cost = resolveCost(options.cost, req, res);
    if (fixed && !(key instanceof Promise) && typeof cost === 'number')
      return decide(present(key), fixed, cost);
    return Promise.all([key, fixed ?? resolvePolicies(declared, req, res), cost]).then(
      ([client, policies, points]) => decide(present(client), policies, points),
    );
  };

  return (req: Request, res: Response): Asked | Promise<Asked> => {
    const skipped = options.skip?.(req, res) ?? false;
    // What is skipped may not have what the other functions need.
    if (skipped instanceof Promise) return skipped.then((skip) => (skip ? undefined : askFor(req, res)));
    return skipped ? Promise.resolve(undefined) : askFor(req, res);
  };
}
