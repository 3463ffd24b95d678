import type { Redis } from 'ioredis';
import request from 'supertest';
import { describe, expect, test } from 'vitest';
import type { RateLimitOptions } from '../../../middleware/rate-limit/options.js';
import { rateLimit } from '../../../middleware/rate-limit/rate-limit.js';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { clientForFile } from '../../support/client-for-file.js';
import { limitedApp } from './support/limited-app.js';

let redis: Redis;
clientForFile((own) => {
  redis = own;
});

const ALGORITHMS = ['sliding-window', 'fixed-window', 'token-bucket'] as const;
const keyGenerator = () => 'me';
// What is enforced: a sliding window counts a charge until a tenth of the window later.
const windowSeconds = (algorithm: (typeof ALGORITHMS)[number]) => (algorithm === 'sliding-window' ? 66 : 60);

describe.each(ALGORITHMS)('%s', (algorithm) => {
  test.each([
    ['a number', 0],
    ['a function', () => 0],
  ] as const)('limit 0, as %s, admits no request', async (_name, limit) => {
    const { app } = limitedApp({ redis, limit, algorithm, keyGenerator });
    for (let i = 0; i < 3; i++) {
      const { status, headers } = await request(app).get('/');
      expect(status).toBe(429);
      expect(headers['ratelimit-policy']).toBe(`"default";q=0;w=${windowSeconds(algorithm)}`);
      expect(headers.ratelimit).toBe(`"default";r=0;t=${windowSeconds(algorithm)}`);
      // No wait would help.
      expect(headers['retry-after']).toBeUndefined();
    }
  });

  test('limit 0 stays closed after a penalty and a reward', async () => {
    const { app, limiter } = limitedApp({ redis, limit: 0, algorithm, keyGenerator });
    await limiter.penalty('me', 3);
    expect((await limiter.peek('me')).remaining).toBe(0);
    await limiter.reward('me', 2);
    expect((await request(app).get('/')).status).toBe(429);
    expect((await limiter.peek('me')).used).toBe(1);
  });

  test.each([
    ['a number', Number.POSITIVE_INFINITY],
    ['a function', () => Number.POSITIVE_INFINITY],
  ] as const)('limit Infinity, as %s, admits and counts every request', async (_name, limit) => {
    const info: unknown[] = [];
    const { app } = limitedApp({ redis, limit, algorithm, keyGenerator, legacyHeaders: true }, (req, res) => {
      info.push(req.rateLimit);
      res.send('ok');
    });
    for (let i = 0; i < 20; i++) {
      const { status, headers } = await request(app).get('/');
      expect(status).toBe(200);
      expect(Object.keys(headers).filter((name) => name.includes('ratelimit'))).toEqual([]);
    }
    expect(info.at(-1)).toMatchObject({ limit: Infinity, remaining: Infinity });
  });

  test('an unlimited client can be blocked', async () => {
    const { app, limiter } = limitedApp({ redis, limit: Number.POSITIVE_INFINITY, algorithm, keyGenerator });
    await limiter.block('me', 60_000);
    const { status, headers } = await request(app).get('/');
    expect(status).toBe(429);
    expect(Number(headers['retry-after'])).toBeGreaterThan(50);
  });

  test('penalties of an unlimited client never refuse it', async () => {
    const { app, limiter } = limitedApp({ redis, limit: Number.POSITIVE_INFINITY, algorithm, keyGenerator });
    for (let i = 0; i < 6; i++) await limiter.penalty('me', 1_000_000_000);
    for (let i = 0; i < 3; i++) expect((await request(app).get('/')).status).toBe(200);
  });
});

test('an unlimited policy beside a limited one appears in no header', async () => {
  const policies = [
    { name: 'none', limit: Number.POSITIVE_INFINITY, windowMs: 1_000 },
    { name: 'hourly', limit: 2, windowMs: 3_600_000 },
  ];
  const { app } = limitedApp({ redis, policies, keyGenerator });
  const { headers } = await request(app).get('/').expect(200);
  expect(headers['ratelimit-policy']).toBe('"hourly";q=2;w=3960');
  await request(app).get('/').expect(200);
  await request(app).get('/').expect(429);
});

test('limit 0 and Infinity work in the process too, while Redis is away', async () => {
  const away = connectRedis({ url: 'redis://127.0.0.1:1', logger: { info() {}, warn() {}, error() {} } });
  const serve = (limit: number) =>
    limitedApp({ redis: away, limit, keyGenerator, onUnavailable: 'local' }).app;
  expect((await request(serve(0)).get('/')).status).toBe(429);
  const unlimited = serve(Number.POSITIVE_INFINITY);
  for (let i = 0; i < 20; i++) expect((await request(unlimited).get('/')).status).toBe(200);
  await closeRedis(away, { timeoutMs: 50 });
});

test.each<[string, Partial<RateLimitOptions>]>([
  ['its only limit', { limit: 3, cost: 4 }],
  ['the default limit', { cost: 6 }],
  [
    'one limit of several',
    {
      cost: 4,
      policies: [
        { name: 'a', limit: 3, windowMs: 1_000 },
        { name: 'b', limit: 9, windowMs: 9_000 },
      ],
    },
  ],
])('a cost larger than %s is refused at construction', (_name, options) => {
  const construct = () => rateLimit({ redis, ...options });
  expect(construct).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }));
  expect(construct).toThrow(/option "cost".*limit/);
});

test.each<[string, Partial<RateLimitOptions>]>([
  ['equals the limit', { limit: 3, cost: 3 }],
  ['meets limit 0, which refuses everything', { limit: 0, cost: 4 }],
  ['meets a limit that depends on the request', { limit: () => 3, cost: 4 }],
  ['depends on the request', { limit: 3, cost: () => 4 }],
])('a cost that %s is accepted at construction', (_name, options) => {
  const prefix = `cost-${Math.random()}:`;
  expect(() => rateLimit({ redis, prefix, ...options })).not.toThrow();
});
