import express, { type RequestHandler } from 'express';
import type { Redis } from 'ioredis';
import request from 'supertest';
import { expect, onTestFinished, test } from 'vitest';
import { cacheResponse } from '../../middleware/cache/cache-response.js';
import { invalidateOn } from '../../middleware/cache/invalidate-on.js';
import { idempotent } from '../../middleware/idempotent/idempotent.js';
import { rateLimit } from '../../middleware/rate-limit/rate-limit.js';
import { session } from '../../middleware/session/session.js';
import { quiet, redisForFile } from './support/redis-for-file.js';

const file = redisForFile();

const common = { logger: quiet };
const MIDDLEWARES: Record<string, (redis: Redis, n: number) => RequestHandler> = {
  rateLimit: (redis, n) =>
    rateLimit({ ...common, redis, identifier: `limit-${n}`, skipFailedRequests: true }),
  session: (redis, n) => session({ ...common, redis, secret: 'a secret', name: `session-${n}` }),
  cacheResponse: (redis) => cacheResponse({ ...common, redis, ttlSeconds: 9 }),
  invalidateOn: (redis, n) => invalidateOn({ ...common, redis, tags: () => [`tag-${n}`] }),
  idempotent: (redis) => idempotent({ ...common, redis, scope: () => 'ann' }),
};

test.each(Object.keys(MIDDLEWARES))(
  'twelve %s on one request give Node no leak of listeners to warn of',
  async (name) => {
    const warnings: Error[] = [];
    const listen = (warning: Error) => warnings.push(warning);
    process.on('warning', listen);
    onTestFinished(() => void process.off('warning', listen));
    const app = express();
    for (let n = 0; n < 12; n++) app.use(MIDDLEWARES[name]!(file.redis, n));
    app.use((_req, res) => void res.send('done'));
    for (const method of ['get', 'post'] as const) {
      const { text } = await request(app)[method]('/').set('Idempotency-Key', '"a key"');
      expect(text).toBe('done');
    }
    // Warnings are emitted on the next tick.
    await new Promise((resolve) => setImmediate(resolve));
    expect(warnings).toEqual([]);
  },
);
