import type { Redis } from 'ioredis';
import { expectTypeOf } from 'vitest';
import {
  type RateLimitInfo,
  type RateLimitMiddleware,
  type RateLimitOptions,
  rateLimit,
} from '../../index.js';

declare const redis: Redis;

// Checked by tsc alone; nothing here is run.
export function rateLimitOptions(): void {
  expectTypeOf(rateLimit).returns.toEqualTypeOf<RateLimitMiddleware>();
  expectTypeOf(rateLimit({ redis }).peek('key')).resolves.toEqualTypeOf<RateLimitInfo>();
  rateLimit({
    redis,
    limit: async (req) => Number(req.query.limit),
    windowMs: 1000,
    cost: (req) => req.path.length,
  });
  rateLimit({ redis, policies: [{ name: 'a', limit: 1, windowMs: 1, algorithm: 'token-bucket' }] });
  rateLimit({ redis, keyGenerator: () => 7 });
  // As express-rate-limit documents it.
  rateLimit({
    redis,
    handler: (req, res, next, options) => {
      if (req.rateLimit.used === req.rateLimit.limit + 1) console.warn(req.rateLimit.key);
      if (req.rateLimit.current > 100) next();
      else res.status(options.statusCode).send(options.message);
    },
  });
  const later: PromiseLike<number> = Promise.resolve(5);
  rateLimit({ redis, limit: () => later, cost: () => later, keyGenerator: () => later });
  expectTypeOf<RateLimitInfo['policies'][number]>().not.toHaveProperty('charge');
  expectTypeOf<RateLimitOptions['standardHeaders']>().toEqualTypeOf<
    'draft-6' | 'draft-7' | 'draft-8' | 'draft-11' | boolean | undefined
  >();

  // @ts-expect-error: the client is required
  rateLimit({ limit: 5 });
  // @ts-expect-error: an unknown option
  rateLimit({ redis, maximum: 5 });
  // @ts-expect-error: not a mode
  rateLimit({ redis, onUnavailable: 'ignore' });
  // @ts-expect-error: a policy has a name
  rateLimit({ redis, policies: [{ limit: 1, windowMs: 1 }] });
  // @ts-expect-error: a key is a text, a number or a bigint
  rateLimit({ redis, keyGenerator: () => undefined });

  const options: RateLimitOptions = { redis };
  // @ts-expect-error: options are readonly
  options.limit = 3;
}
