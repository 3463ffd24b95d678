import { afterAll, beforeEach, describe, expect, inject, test } from 'vitest';
import type { Algorithm, Policy } from '../../../src/limits/quota.js';
import { rateLimiter } from '../../../src/limits/rate-limiter.js';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { patient } from '../../support/patient.js';

const redis = patient(connectRedis(inject('redisUrl')));
const prefix = `limiter-${process.pid}:`;
const limiter = rateLimiter(redis, { prefix, timeoutMs: 2_000, name: 'p' });
const policy = (
  limit: number,
  windowMs = 60_000,
  algorithm: Algorithm = 'sliding-window',
  name = 'p',
): Policy => ({
  name,
  limit,
  windowMs,
  algorithm,
});

let client = '';
let clients = 0;
beforeEach(() => {
  client = `203.0.113.${++clients}`;
});
afterAll(() => closeRedis(redis));

const keyOf = (name = 'p') => `${prefix}rate:{${client}}:${name}`;

describe.each(['sliding-window', 'fixed-window', 'token-bucket'] as const)('%s', (algorithm) => {
  test('admits the limit and no more, and says when more will be there', async () => {
    const policies = [policy(3, 60_000, algorithm)];
    const verdicts = [];
    for (let i = 0; i < 4; i++) verdicts.push(await limiter.consume(client, policies));
    expect(verdicts.map(({ admitted }) => admitted)).toEqual([true, true, true, false]);
    expect(verdicts.map(({ quotas }) => quotas[0]!.remaining)).toEqual([2, 1, 0, 0]);
    expect(verdicts[3]!.quotas[0]!.retryAfterMs).toBeGreaterThan(0);
    expect(verdicts[3]!.quotas[0]!.retryAfterMs).toBeLessThanOrEqual(66_000);
  });

  test('refuses a cost that exceeds what is left, and still admits a smaller one', async () => {
    const policies = [policy(10, 60_000, algorithm)];
    await limiter.consume(client, policies, 6);
    expect((await limiter.consume(client, policies, 5)).admitted).toBe(false);
    expect((await limiter.consume(client, policies, 4)).admitted).toBe(true);
  });

  test('never admits a cost above the limit, and says so', async () => {
    const verdict = await limiter.consume(client, [policy(3, 60_000, algorithm)], 4);
    expect(verdict.admitted).toBe(false);
    expect(verdict.quotas[0]!.retryAfterMs).toBe(Number.POSITIVE_INFINITY);
  });

  test('admits a client that waited as long as it was told, and not a moment before', async () => {
    const policies = [policy(5, 400, algorithm)];
    for (let i = 0; i < 5; i++) await limiter.consume(client, policies);
    const refused = await limiter.consume(client, policies);
    const fitsAt = refused.at + refused.quotas[0]!.retryAfterMs;
    let [verdict, lastRefusal] = [refused, refused];
    while (!verdict.admitted) {
      lastRefusal = verdict;
      verdict = await limiter.consume(client, policies);
    }
    expect(verdict.at).toBeGreaterThanOrEqual(fitsAt);
    expect(lastRefusal.at).toBeLessThan(fitsAt);
  });

  test('gives a refund back once, and only to the state that was charged', async () => {
    const policies = [policy(5, 60_000, algorithm)];
    const { quotas } = await limiter.consume(client, policies, 2);
    await limiter.consume(client, policies, 1);
    await limiter.refund(client, quotas, 2);
    expect((await limiter.consume(client, policies, 0)).quotas[0]!.used).toBe(1);
    await limiter.reset(client, policies);
    await limiter.consume(client, policies, 3);
    await limiter.refund(client, quotas, 2);
    expect((await limiter.consume(client, policies, 0)).quotas[0]!.used).toBe(3);
  });

  test('penalty charges beyond the limit, reward never goes below zero', async () => {
    const policies = [policy(5, 60_000, algorithm)];
    await limiter.adjust(client, policies, 8);
    expect((await limiter.consume(client, policies, 0)).quotas[0]).toMatchObject({ used: 8, remaining: 0 });
    await limiter.adjust(client, policies, -20);
    expect((await limiter.consume(client, policies, 0)).quotas[0]).toMatchObject({ used: 0, remaining: 5 });
    expect(await redis.exists(keyOf())).toBe(0);
  });

  test('keeps a fixed amount of memory per client and policy, with an expiry', async () => {
    client = '255.255.255.255';
    const bytes = async (limit: number, cost: number) => {
      const name = 'default';
      await limiter.reset(client, [{ name }]);
      for (let i = 0; i < 5; i++)
        await limiter.consume(client, [policy(limit, 3_600_000, algorithm, name)], cost);
      expect(await redis.pttl(keyOf(name))).toBeGreaterThan(0);
      // Measured under the key that an application without a prefix has.
      await redis.copy(keyOf(name), `rate:{${client}}:${name}`, 'REPLACE');
      const used = (await redis.call('MEMORY', 'USAGE', `rate:{${client}}:${name}`)) as number;
      await redis.del(`rate:{${client}}:${name}`);
      return used;
    };
    expect(await bytes(10_000, 2_000)).toBeLessThanOrEqual(128);
    expect(await bytes(1_000_000, 200_000)).toBeLessThanOrEqual(192);
  });
});

test('a rejection by any policy changes the state of none', async () => {
  const policies = [
    policy(2, 60_000, 'sliding-window', 'a'),
    policy(9, 60_000, 'fixed-window', 'b'),
    policy(9, 60_000, 'token-bucket', 'c'),
  ];
  await limiter.consume(client, policies);
  await limiter.consume(client, policies);
  const state = () =>
    Promise.all(
      ['a', 'b', 'c'].map(async (name) => [
        (await redis.getBuffer(keyOf(name)))?.toString('hex'),
        await redis.pexpiretime(keyOf(name)),
      ]),
    );
  const before = await state();
  expect((await limiter.consume(client, policies)).admitted).toBe(false);
  expect(await state()).toEqual(before);
});

test('a block refuses whatever the quota says, and ends', async () => {
  const policies = [policy(5)];
  await limiter.block(client, 60_000);
  const verdict = await limiter.consume(client, policies);
  expect(verdict.admitted).toBe(false);
  expect(verdict.blockedMs).toBeGreaterThan(59_000);
  expect(verdict.quotas[0]!.used).toBe(0);
  await limiter.reset(client, policies);
  expect((await limiter.consume(client, policies)).admitted).toBe(true);
});

test('a window that was reconfigured still counts what was charged under the old one', async () => {
  await limiter.consume(client, [policy(10, 60_000)], 4);
  expect((await limiter.consume(client, [policy(10, 30_000)], 0)).quotas[0]!.used).toBe(4);
});

test('a shorter window forgets the old charges when they are as old as it is long', async () => {
  await limiter.consume(client, [policy(2, 3_000)], 2);
  const refused = await limiter.consume(client, [policy(2, 300)]);
  expect(refused.admitted).toBe(false);
  expect(refused.quotas[0]!.retryAfterMs).toBeLessThanOrEqual(330 + 300);
  const fitsAt = refused.at + refused.quotas[0]!.retryAfterMs;
  let verdict = refused;
  while (!verdict.admitted && verdict.at <= fitsAt) verdict = await limiter.consume(client, [policy(2, 300)]);
  expect(verdict.admitted).toBe(true);
});

test('a bucket of tokens keeps its debt when the limit differs from call to call', async () => {
  const tokens = (limit: number) => [policy(limit, 3_600_000, 'token-bucket')];
  await limiter.consume(client, tokens(100));
  await limiter.consume(client, tokens(5));
  expect((await limiter.consume(client, tokens(100))).quotas[0]!.remaining).toBe(97);
});

test('a penalty of any size leaves every policy in order', async () => {
  const year = 366 * 24 * 3_600_000;
  const policies = [policy(5), { ...policy(1, year, 'token-bucket'), name: 'q' }];
  await limiter.adjust(client, policies, 1_000_000_000);
  expect((await limiter.consume(client, policies, 0)).quotas.map(({ used }) => used)).toEqual([1e9, 1e9]);
  expect(await redis.pttl(keyOf('q'))).toBeGreaterThan(0);
});

test('counters grow from two bytes to four without losing a charge', async () => {
  const policies = [policy(1_000_000, 3_600_000)];
  await limiter.consume(client, policies, 65_535);
  await limiter.consume(client, policies, 1);
  expect((await limiter.consume(client, policies, 0)).quotas[0]!.used).toBe(65_536);
});

test('windows of more than 50 days count as well as short ones', async () => {
  const year = 365 * 24 * 3_600_000;
  for (const algorithm of ['sliding-window', 'fixed-window', 'token-bucket'] as const) {
    const policies = [policy(2, year, algorithm, algorithm)];
    await limiter.consume(client, policies);
    await limiter.consume(client, policies);
    expect((await limiter.consume(client, policies)).admitted).toBe(false);
  }
});

test('the process clock plays no part', async () => {
  const { Date: realDate } = globalThis;
  const policies = [policy(5, 60_000)];
  for (const shiftMs of [-60_000, 0, 60_000]) {
    globalThis.Date = class extends realDate {
      static override now = () => realDate.now() + shiftMs;
    } as DateConstructor;
    await limiter.consume(client, policies);
  }
  globalThis.Date = realDate;
  expect((await limiter.consume(client, policies, 0)).quotas[0]!.used).toBe(3);
});

test('a client that gives numbers as strings is read all the same', async () => {
  const strings = connectRedis({ url: inject('redisUrl'), stringNumbers: true });
  const verdict = await rateLimiter(strings, { prefix, timeoutMs: 2_000, name: 'p' }).consume(client, [
    policy(5),
  ]);
  expect(verdict).toMatchObject({ admitted: true, quotas: [{ used: 1, remaining: 4 }] });
  await closeRedis(strings);
});
