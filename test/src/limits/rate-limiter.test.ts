import { afterAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { counterName } from '../../../src/limits/counter-name.js';
import type { Algorithm, Policy } from '../../../src/limits/quota.js';
import { RateLimiter } from '../../../src/limits/rate-limiter.js';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { patient } from '../../support/patient.js';

const redis = patient(connectRedis(inject('redisUrl')));
const prefix = `limiter-${process.pid}:`;
const limiter = new RateLimiter(redis, { prefix, timeoutMs: 2_000, name: 'p' });
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

const keyOf = (one: Policy) => `${prefix}rate:{${client}}:${counterName(one)}`;

describe.each(['sliding-window', 'fixed-window', 'token-bucket'] as const)('%s', (algorithm) => {
  test('admits exactly the limit, and reports when more will be available', async () => {
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

  test('never admits a cost above the limit, and reports an infinite wait', async () => {
    const verdict = await limiter.consume(client, [policy(3, 60_000, algorithm)], 4);
    expect(verdict.admitted).toBe(false);
    expect(verdict.quotas[0]!.retryAfterMs).toBe(Number.POSITIVE_INFINITY);
  });

  test('admits a client exactly when the reported wait is over', async () => {
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
    const charged = await limiter.consume(client, policies, 2);
    await limiter.consume(client, policies, 1);
    await limiter.refund(client, charged, 2);
    expect((await limiter.consume(client, policies, 0)).quotas[0]!.used).toBe(1);
    await limiter.reset(client, policies);
    await limiter.consume(client, policies, 3);
    await limiter.refund(client, charged, 2);
    expect((await limiter.consume(client, policies, 0)).quotas[0]!.used).toBe(3);
  });

  test('penalty charges beyond the limit, reward never goes below zero', async () => {
    const policies = [policy(5, 60_000, algorithm)];
    await limiter.adjust(client, policies, 8);
    expect((await limiter.consume(client, policies, 0)).quotas[0]).toMatchObject({ used: 8, remaining: 0 });
    await limiter.adjust(client, policies, -20);
    expect((await limiter.consume(client, policies, 0)).quotas[0]).toMatchObject({ used: 0, remaining: 5 });
    expect(await redis.exists(keyOf(policies[0]!))).toBe(0);
  });

  test('keeps a fixed amount of memory per client and policy, with an expiry', async () => {
    client = '255.255.255.255';
    const bytes = async (limit: number, cost: number) => {
      const one = policy(limit, 3_600_000, algorithm, 'default');
      await limiter.reset(client, [one]);
      for (let i = 0; i < 5; i++) await limiter.consume(client, [one], cost);
      expect(await redis.pttl(keyOf(one))).toBeGreaterThan(0);
      // Measured under the key that an application without a prefix has.
      const unprefixed = keyOf(one).slice(prefix.length);
      await redis.copy(keyOf(one), unprefixed, 'REPLACE');
      const used = (await redis.call('MEMORY', 'USAGE', unprefixed)) as number;
      await redis.del(unprefixed);
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
      policies.map(async (one) => [
        (await redis.getBuffer(keyOf(one)))?.toString('hex'),
        await redis.pexpiretime(keyOf(one)),
      ]),
    );
  const before = await state();
  expect((await limiter.consume(client, policies)).admitted).toBe(false);
  expect(await state()).toEqual(before);
});

test('a block refuses a client whatever its quota is, until a reset', async () => {
  const policies = [policy(5)];
  await limiter.block(client, 60_000);
  const verdict = await limiter.consume(client, policies);
  expect(verdict.admitted).toBe(false);
  expect(verdict.blockedMs).toBeGreaterThan(59_000);
  expect(verdict.quotas[0]!.used).toBe(0);
  await limiter.reset(client, policies);
  expect((await limiter.consume(client, policies)).admitted).toBe(true);
});

test('policies of one name never share a count when their window or algorithm differs', async () => {
  const others = [
    policy(10, 60_000, 'sliding-window'),
    policy(10, 60_001, 'sliding-window'),
    policy(10, 500, 'sliding-window'),
    policy(10, 60_000, 'fixed-window'),
    policy(10, 60_000, 'token-bucket'),
    // A name that looks like the key of another policy.
    policy(10, 60_000, 'sliding-window', 'p/1m'),
    policy(10, 60_000, 'sliding-window', 'p/1m/fixed-window'),
    policy(10, 60_000, 'sliding-window', 'default'),
    policy(10, 60_000, 'sliding-window', '1m'),
  ];
  await limiter.consume(client, [others[0]!], 4);
  const used = async (one: Policy) => (await limiter.consume(client, [one], 0)).quotas[0]!.used;
  expect(await Promise.all(others.map(used))).toEqual([4, ...Array(others.length - 1).fill(0)]);
  for (const [i, one] of others.slice(1).entries()) {
    await limiter.consume(client, [one], i + 1);
    expect(await used(one)).toBe(i + 1);
    expect(await used(others[0]!)).toBe(4);
  }
});

test('policies of one name, window and algorithm share a count, whatever their limits', async () => {
  await limiter.consume(client, [policy(10, 60_000)], 4);
  expect((await limiter.consume(client, [policy(99, 60_000)], 0)).quotas[0]!.used).toBe(4);
});

test('a token bucket keeps its debt when the limit differs from call to call', async () => {
  const tokens = (limit: number) => [policy(limit, 3_600_000, 'token-bucket')];
  await limiter.consume(client, tokens(100));
  await limiter.consume(client, tokens(5));
  expect((await limiter.consume(client, tokens(100))).quotas[0]!.remaining).toBe(97);
});

test('a penalty of 1e9 points is counted, and the key still has an expiry', async () => {
  const year = 366 * 24 * 3_600_000;
  const policies = [policy(5), { ...policy(1, year, 'token-bucket'), name: 'q' }];
  await limiter.adjust(client, policies, 1_000_000_000);
  expect((await limiter.consume(client, policies, 0)).quotas.map(({ used }) => used)).toEqual([1e9, 1e9]);
  expect(await redis.pttl(keyOf(policies[1]!))).toBeGreaterThan(0);
});

test('counters grow from two bytes to four bytes without losing a charge', async () => {
  const policies = [policy(1_000_000, 3_600_000)];
  await limiter.consume(client, policies, 65_535);
  await limiter.consume(client, policies, 1);
  expect((await limiter.consume(client, policies, 0)).quotas[0]!.used).toBe(65_536);
});

test('windows of a year are limited as short ones are', async () => {
  const year = 365 * 24 * 3_600_000;
  for (const algorithm of ['sliding-window', 'fixed-window', 'token-bucket'] as const) {
    const policies = [policy(2, year, algorithm, algorithm)];
    await limiter.consume(client, policies);
    await limiter.consume(client, policies);
    expect((await limiter.consume(client, policies)).admitted).toBe(false);
  }
});

test('a limiter ignores the clock of its own process', async () => {
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

test('a limiter works over a client with stringNumbers', async () => {
  const strings = connectRedis({ url: inject('redisUrl'), stringNumbers: true });
  const verdict = await new RateLimiter(strings, { prefix, timeoutMs: 2_000, name: 'p' }).consume(client, [
    policy(5),
  ]);
  expect(verdict).toMatchObject({ admitted: true, quotas: [{ used: 1, remaining: 4 }] });
  await closeRedis(strings);
});
