import type { Request } from 'express';
import type { Redis } from 'ioredis';
import request from 'supertest';
import { expect, test } from 'vitest';
import { clientForFile } from '../../support/client-for-file.js';
import { eventually } from '../../support/eventually.js';
import { limitedApp } from './support/limited-app.js';

let redis: Redis;
clientForFile((own) => {
  redis = own;
});
const keyGenerator = () => 'me';

test('max and headers are the old names of limit and legacyHeaders', async () => {
  const { app } = limitedApp({ redis, keyGenerator, max: 1, headers: true });
  const { headers } = await request(app).get('/').expect(200);
  expect(headers['x-ratelimit-limit']).toBe('1');
  await request(app).get('/').expect(429);
});

test('limit and legacyHeaders go before their old names', async () => {
  const { app } = limitedApp({ redis, keyGenerator, limit: 2, max: 1, legacyHeaders: false, headers: true });
  await request(app).get('/');
  const { headers } = await request(app).get('/').expect(200);
  expect(headers['x-ratelimit-limit']).toBeUndefined();
});

test('getKey gives the hits of a client, and resetKey forgets them', async () => {
  const { app, limiter } = limitedApp({ redis, keyGenerator, limit: 5 });
  expect(await limiter.getKey('me')).toBeUndefined();
  await request(app).get('/');
  const found = await limiter.getKey('me');
  expect(found?.totalHits).toBe(1);
  expect(found?.resetTime.getTime()).toBeGreaterThan(Date.now());
  await limiter.resetKey('me');
  expect(await limiter.getKey('me')).toBeUndefined();
});

test('a function as identifier names the policy in the headers, and all requests count together', async () => {
  const { app } = limitedApp({
    redis,
    keyGenerator,
    limit: 5,
    identifier: async (req) => String(req.query.plan),
  });
  const free = await request(app).get('/?plan=free');
  const paid = await request(app).get('/?plan=paid');
  expect(free.headers['ratelimit-policy']).toMatch(/^"free";q=5/);
  expect(paid.headers.ratelimit).toMatch(/^"paid";r=3/);
});

test('an identifier that cannot be sent in a header ends its request with an error that names the option', async () => {
  const { app } = limitedApp({ redis, keyGenerator, identifier: () => 'naïve' });
  const { status, body } = await request(app).get('/');
  expect([status, body.code, body.message]).toEqual([
    500,
    'RATE_LIMIT_VALUE_INVALID',
    expect.stringContaining('"identifier"'),
  ]);
});

test('ipv6Subnet may be a function of the request', async () => {
  const { app, limiter } = limitedApp(
    { redis, limit: 5, ipv6Subnet: async (req) => Number(req.query.bits) },
    undefined,
    (made) => made.set('trust proxy', true),
  );
  const from = (address: string, bits: number) =>
    request(app).get(`/?bits=${bits}`).set('X-Forwarded-For', address);
  await from('2001:db8:1:1::1', 64);
  await from('2001:db8:1:2::1', 48);
  await from('2001:db8:1:3::1', 48);
  expect((await limiter.peek('2001:db8:1:1::/64')).used).toBe(1);
  expect((await limiter.peek('2001:db8:1::/48')).used).toBe(2);
  const { body } = await from('2001:db8:1:3::1', 8);
  expect(body.message).toMatch(/"ipv6Subnet".*bits from 32 to 64/);
});

test('ipv6Subnet as a function is asked for IPv6 alone', async () => {
  const asked: unknown[] = [];
  const ipv6Subnet = (req: { ip?: string | undefined }) => asked.push(req.ip) && 48;
  const { app } = limitedApp({ redis, ipv6Subnet }, undefined, (made) => made.set('trust proxy', 1));
  for (const address of ['192.0.2.1', '2001:db8::1'])
    await request(app).get('/').set('X-Forwarded-For', address);
  expect(asked).toEqual(['2001:db8::1']);
});

test('identifier as a function may read req.rateLimit', async () => {
  const { app } = limitedApp({
    redis,
    keyGenerator,
    limit: 7,
    identifier: (req) => `l${req.rateLimit.limit}`,
  });
  const { headers } = await request(app).get('/');
  expect(headers.ratelimit).toMatch(/^"l7";r=6/);
});

test.each([
  ['a number', 7],
  ['a function', async (req: Request) => Number(req.query.after)],
])('retryAfter as %s is what a refusal says', async (_name, retryAfter) => {
  const { app } = limitedApp({ redis, keyGenerator, limit: 0, retryAfter });
  expect((await request(app).get('/?after=7').expect(429)).headers['retry-after']).toBe('7');
  const { app: silent } = limitedApp({ redis, keyGenerator, limit: 0, retryAfter, standardHeaders: false });
  expect((await request(silent).get('/?after=7').expect(429)).headers['retry-after']).toBeUndefined();
});

test('retryAfter that returns undefined leaves the time until the request would be admitted', async () => {
  const { app } = limitedApp({
    redis,
    keyGenerator,
    limit: 1,
    windowMs: 60_000,
    retryAfter: () => undefined,
  });
  await request(app).get('/').expect(200);
  const { headers } = await request(app).get('/').expect(429);
  expect(Number(headers['retry-after'])).toBeGreaterThan(50);
});

test('retryAfter that returns no whole number ends the request with an error that names it', async () => {
  const { app } = limitedApp({ redis, keyGenerator, limit: 0, retryAfter: () => 1.5 });
  const { status, body } = await request(app).get('/');
  expect([status, body.message]).toEqual([500, expect.stringContaining('"retryAfter" returned 1.5')]);
});

test('getKey needs no limit where limit is a function, except of a token bucket', async () => {
  const limit = () => 10;
  const { app, limiter } = limitedApp({ redis, keyGenerator, limit });
  await request(app).get('/');
  expect(await limiter.getKey('me')).toMatchObject({ totalHits: 1 });
  const bucket = limitedApp({ redis, keyGenerator, limit, algorithm: 'token-bucket' });
  await expect(bucket.limiter.getKey('me')).rejects.toMatchObject({ code: 'RATE_LIMIT_DEPENDS_ON_REQUEST' });
  expect(await bucket.limiter.getKey('me', { limit: 10 })).toBeUndefined();
});

test('with skipFailedRequests a response that emits an error counts as failed', async () => {
  const { app, limiter } = limitedApp({ redis, keyGenerator, skipFailedRequests: true }, (_req, res) => {
    res.on('error', () => res.end());
    res.emit('error', new Error('while writing'));
  });
  await request(app).get('/').expect(200);
  await eventually('the charge is given back', async () => (await limiter.getKey('me')) === undefined);
});

test('the methods take the numbers of a plan where limit and windowMs are functions', async () => {
  const { app, limiter } = limitedApp({
    redis,
    keyGenerator,
    limit: () => 10,
    windowMs: async () => 60_000,
  });
  const plan = { limit: 10, windowMs: 60_000 };
  await request(app).get('/');
  expect(await limiter.peek('me', plan)).toMatchObject({ used: 1, limit: 10 });
  await limiter.penalty('me', 4, plan);
  await limiter.reward('me', 1, plan);
  expect((await limiter.peek('me', plan)).used).toBe(4);
  await limiter.reset('me', { windowMs: 60_000 });
  expect((await limiter.peek('me', plan)).used).toBe(0);
  await expect(limiter.peek('me', { limit: 10 })).rejects.toMatchObject({
    code: 'RATE_LIMIT_DEPENDS_ON_REQUEST',
    message: expect.stringContaining('windowMs'),
  });
  await expect(limiter.peek('me', { limit: -1, windowMs: 60_000 })).rejects.toMatchObject({
    message: expect.stringContaining('"limit"'),
  });
  await expect(limiter.peek('me', null as never)).rejects.toMatchObject({ code: 'OPTION_INVALID' });
  await expect(limiter.peek('me', { ...plan, window: 1 } as never)).rejects.toMatchObject({
    code: 'OPTION_UNKNOWN',
    message: expect.stringContaining('"window"'),
  });
});

// Announced is the time after which Redis forgets a charge for certain: 1.1 s for a window of 1 s.
test('a client at 99 % of the rate that a sliding window enforces is never refused', async () => {
  const limit = 40;
  const { limiter, app } = limitedApp({ redis, keyGenerator, limit, windowMs: 1_000 });
  const statuses: number[] = [];
  // Never sooner after the last one, so that a late timer makes no burst.
  const spacingMs = Math.ceil(1_100 / limit / 0.99);
  for (let i = 0; i < 2.5 * limit; i++) {
    const sentAt = performance.now();
    statuses.push((await request(app).get('/')).status);
    await new Promise((resolve) => setTimeout(resolve, sentAt + spacingMs - performance.now()));
  }
  expect(statuses.filter((status) => status !== 200)).toEqual([]);
  // A busy machine sends more slowly.
  expect((await limiter.peek('me')).used).toBeGreaterThan(0);
});
