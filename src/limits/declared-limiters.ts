import type { RedisClient } from '../redis/index.js';
import type { Algorithm } from './quota.js';

const MOST_LIMITERS = 1_000;

/** A policy as its limiter declares it; a number that depends on the request is null. */
export interface DeclaredLimit {
  readonly name: string;
  readonly limit: number | null;
  readonly windowMs: number | null;
  readonly algorithm: Algorithm;
}

/** The facts about a limiter by which its clients are found in Redis. */
export interface LimiterDeclaration {
  readonly prefix: string;
  /** Names the limiter in the key of a block. */
  readonly name: string;
  readonly policies: readonly DeclaredLimit[];
}

const declared = new WeakMap<RedisClient, Map<string, LimiterDeclaration>>();

/** Remembers a limiter of this process, for operators. Limiters of the same prefix and name block together. */
export function declareLimiter(redis: RedisClient, limiter: LimiterDeclaration): void {
  const ofClient = declared.get(redis) ?? new Map<string, LimiterDeclaration>();
  declared.set(redis, ofClient);
  // An application that makes a limiter per request must not fill the memory.
  if (ofClient.size < MOST_LIMITERS) ofClient.set(limiterId(limiter), limiter);
}

/** The limiters that this process has made with a client. */
export const declaredLimiters = (redis: RedisClient): readonly LimiterDeclaration[] => [
  ...(declared.get(redis)?.values() ?? []),
];

/** Tells the limiters of a client apart, e.g. `login/15m`. */
export const limiterId = ({ prefix, name }: Pick<LimiterDeclaration, 'prefix' | 'name'>): string =>
  prefix + name;
