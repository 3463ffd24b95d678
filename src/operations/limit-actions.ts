import {
  type DeclaredLimit,
  type LimiterDeclaration,
  limiterId,
  type Policy,
  RateLimiter,
} from '../limits/index.js';
import type { RedisClient } from '../redis/index.js';

/** A client's position under one policy; plain JSON. */
export interface ClientQuota {
  readonly name: string;
  readonly used: number;
  /** Null when the limit depends on the request. */
  readonly limit: number | null;
  readonly windowMs: number;
  readonly resetMs: number;
}

/** A client's position at one limiter; plain JSON. */
export interface ClientState {
  readonly limiter: string;
  readonly client: string;
  /** 0 for a client that is not blocked. */
  readonly blockedMs: number;
  /** Without the policies whose window depends on the request. */
  readonly quotas: readonly ClientQuota[];
}

/** Looks up, resets and blocks clients of a limiter that any process may have declared. */
export interface LimitActions {
  lookUp(limiter: LimiterDeclaration, client: string): Promise<ClientState>;
  /** Forgets a client's charges and its block. */
  reset(limiter: LimiterDeclaration, client: string): Promise<void>;
  block(limiter: LimiterDeclaration, client: string, durationMs: number): Promise<void>;
  /** Resolves to whether the client was blocked. */
  unblock(limiter: LimiterDeclaration, client: string): Promise<boolean>;
}

// Of a limit that is not known: `used` does not depend on it, except with a token bucket.
const NO_LIMIT = 1_000_000_000;

export function limitActions(redis: RedisClient, timeoutMs: number): LimitActions {
  const limiterOf = ({ prefix, name }: LimiterDeclaration) =>
    new RateLimiter(redis, { prefix, timeoutMs, name, tallies: false });
  return {
    async lookUp(declaration, client) {
      const policies = declaration.policies.filter(hasWindow).map(policyOf);
      const verdict = await limiterOf(declaration).consume(client, policies, 0);
      const limits = new Map(declaration.policies.map(({ name, limit }) => [name, limit]));
      return {
        limiter: limiterId(declaration),
        client,
        blockedMs: verdict.blockedMs,
        quotas: verdict.quotas.map(({ name, used, windowMs, resetMs }) => ({
          name,
          used,
          limit: limits.get(name) ?? null,
          windowMs,
          resetMs,
        })),
      };
    },

    reset: (declaration, client) =>
      limiterOf(declaration).reset(client, declaration.policies.filter(hasWindow)),

    block: (declaration, client, durationMs) =>
      limiterOf(declaration).block(client, durationMs, declaration.policies.filter(hasWindow)),

    unblock: (declaration, client) => limiterOf(declaration).unblock(client),
  };
}

type WithWindow = DeclaredLimit & { readonly windowMs: number };

const hasWindow = (policy: DeclaredLimit): policy is WithWindow => policy.windowMs !== null;

const policyOf = ({ name, limit, windowMs, algorithm }: WithWindow): Policy => ({
  name,
  limit: limit ?? NO_LIMIT,
  windowMs,
  algorithm,
});
