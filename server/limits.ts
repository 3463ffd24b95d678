import { createHash } from 'node:crypto';
import type { Request } from 'express';
import {
  ipKeyGenerator,
  type Logger,
  type RateLimitMiddleware,
  type RedisClient,
  rateLimit,
} from '../index.js';

const MINUTE = 60_000;

export interface Limits {
  /** Of all routes, per address. */
  limit: RateLimitMiddleware;
  signUpLimit: RateLimitMiddleware;
  /** Asked one after the other: who is refused by the first does not count for the second. */
  loginLimits: readonly RateLimitMiddleware[];
}

/**
 * While Redis is away, reads go on without a limit. Logins and sign-ups do not: nobody may guess without being counted,
 * and no answer may tell a right password from a wrong one.
 */
export function createLimits(redis: RedisClient, logger: Logger): Limits {
  const guarded = { redis, logger, onUnavailable: 'closed' } as const;
  return {
    limit: rateLimit({ redis, logger, windowMs: MINUTE, limit: 300 }),
    signUpLimit: rateLimit({ ...guarded, identifier: 'sign-up', windowMs: 60 * MINUTE, limit: 20 }),
    loginLimits: [
      rateLimit({
        ...guarded,
        identifier: 'login',
        windowMs: 15 * MINUTE,
        limit: 10,
        keyGenerator: (req) => `${ipKeyGenerator(req.ip ?? '')} ${account(req)}`,
      }),
      // Guesses from many addresses. It can be used to lock somebody out for up to an hour; sessions go on meanwhile.
      rateLimit({
        ...guarded,
        identifier: 'login-account',
        windowMs: 60 * MINUTE,
        limit: 50,
        keyGenerator: account,
      }),
    ],
  };
}

/** Of a body that was validated, which brings the email to its one spelling. Hashed: Redis keys hold no addresses. */
function account(req: Request): string {
  return createHash('sha256').update(req.body.email).digest('base64url');
}
