import express from 'express';
import request from 'supertest';
import { expect, onTestFinished, test } from 'vitest';
import { cacheResponse } from '../../middleware/cache/cache-response.js';
import { invalidateOn } from '../../middleware/cache/invalidate-on.js';
import { rateLimit } from '../../middleware/rate-limit/rate-limit.js';
import { session } from '../../middleware/session/session.js';
import { quiet, redisForFile } from './support/redis-for-file.js';

const file = redisForFile();

test('twelve of each middleware on one request give Node no leak of listeners to warn of', async () => {
  const warnings: Error[] = [];
  const listen = (warning: Error) => warnings.push(warning);
  process.on('warning', listen);
  onTestFinished(() => void process.off('warning', listen));
  const { redis } = file;
  const app = express();
  for (let n = 0; n < 12; n++) {
    app.use(
      rateLimit({ redis, logger: quiet, identifier: `limit-${n}`, skipFailedRequests: true }),
      session({ redis, secret: 'a secret', logger: quiet, name: `session-${n}` }),
      cacheResponse({ redis, logger: quiet, ttlSeconds: 9 }),
      invalidateOn({ redis, logger: quiet, tags: () => [`tag-${n}`] }),
    );
  }
  app.use((_req, res) => void res.send('done'));
  for (const method of ['get', 'post'] as const) expect((await request(app)[method]('/')).text).toBe('done');
  // Warnings are emitted on the next tick.
  await new Promise((resolve) => setImmediate(resolve));
  expect(warnings).toEqual([]);
});
