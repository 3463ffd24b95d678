import { afterAll, beforeEach, expect, inject, test } from 'vitest';
import type { Policy, QuotaVerdict } from '../../../src/limits/quota.js';
import { RateLimiter } from '../../../src/limits/rate-limiter.js';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { countedRedis } from '../../middleware/support/counted-redis.js';
import { redisForFile, throughProxy } from '../../middleware/support/redis-for-file.js';
import { patient } from '../../support/patient.js';
import { printedSeed, random } from '../../support/random.js';
import { sized } from '../../support/size.js';

// No bucket ends while a test runs.
const YEAR_MS = 365 * 24 * 3_600_000;
const prefix = `tallies-${process.pid}:`;
const redis = patient(connectRedis(inject('redisUrl')));
afterAll(() => closeRedis(redis));
const file = redisForFile();

const policyOf = (limit: number, windowMs = YEAR_MS): Policy => ({
  name: 'p',
  limit,
  windowMs,
  algorithm: 'sliding-window',
});
const limiterOn = (client = redis, tallies = true) =>
  new RateLimiter(client, { prefix, timeoutMs: 5_000, name: 'p', tallies });
const tallyOf = (client: string) => `${prefix}rate-tally:{${client}}:p/365d`;

let [clients, client] = [0, ''];
beforeEach(() => {
  client = `client-${++clients}`;
});

const times = async (count: number, consume: () => Promise<QuotaVerdict>) => {
  const verdicts: QuotaVerdict[] = [];
  for (let n = 0; n < count; n++) verdicts.push(await consume());
  return verdicts;
};
const usedIn = ({ quotas }: QuotaVerdict) => quotas[0]!.used;

test('a client that comes again within a bucket is charged by one ZADD, without a script', async () => {
  const counted = await countedRedis();
  const limiter = new RateLimiter(counted.redis, { prefix, timeoutMs: 5_000, name: 'p' });
  const policies = [policyOf(100)];
  const consume = () => limiter.consume(client, policies);
  expect((await times(2, consume)).map(usedIn)).toEqual([1, 2]);
  let verdicts: QuotaVerdict[] = [];
  const cost = await counted.costOf(async () => {
    verdicts = await times(3, consume);
  });
  expect(cost.commands).toEqual(['zadd', 'zadd', 'zadd']);
  expect(verdicts.map(usedIn)).toEqual([3, 4, 5]);
  expect(usedIn(await limiterOn(counted.redis).consume(client, policies, 0))).toBe(5);
});

test('near its limit a client is charged by the script, and is admitted exactly as often as the limit says', async () => {
  const policies = [policyOf(40)];
  const limiters = [limiterOn(), limiterOn(), limiterOn()];
  const verdicts: QuotaVerdict[] = [];
  for (let turn = 0; turn < 30; turn++)
    verdicts.push(...(await Promise.all(limiters.map((one) => one.consume(client, policies)))));
  expect(verdicts.filter(({ admitted }) => admitted)).toHaveLength(40);
  expect(await redis.exists(tallyOf(client))).toBe(0);
});

test('charges of many processes at once that exceed the limit together are taken back', async () => {
  const policies = [policyOf(320)];
  const limiters = Array.from({ length: 20 }, () => limiterOn());
  for (const one of limiters) await one.consume(client, policies);
  await limiters[0]!.consume(client, policies);
  const verdicts = await Promise.all(limiters.map((one) => one.consume(client, policies, 20)));
  expect(verdicts.filter(({ admitted }) => admitted)).toHaveLength(14);
  expect(usedIn(await limiterOn().consume(client, policies, 0))).toBe(21 + 14 * 20);
});

const ELSEWHERE: Record<string, [(other: RateLimiter, policies: Policy[]) => Promise<unknown>, object]> = {
  'a block': [(other, policies) => other.block(client, 60_000, policies), { admitted: false, used: 4 }],
  'a reset': [(other, policies) => other.reset(client, policies), { admitted: true, used: 1 }],
  'a penalty': [(other, policies) => other.adjust(client, policies, 90), { admitted: true, used: 95 }],
  'a reward': [(other, policies) => other.adjust(client, policies, -3), { admitted: true, used: 2 }],
  'a charge': [(other, policies) => other.consume(client, policies, 50), { admitted: true, used: 55 }],
};

test.each(Object.keys(ELSEWHERE))('%s by another process counts for the next request', async (name) => {
  const [act, expected] = ELSEWHERE[name]!;
  const policies = [policyOf(100)];
  const limiter = limiterOn();
  await times(4, () => limiter.consume(client, policies));
  await act(limiterOn(), policies);
  const verdict = await limiter.consume(client, policies);
  expect({ admitted: verdict.admitted, used: usedIn(verdict) }).toEqual(expected);
});

test('a refund gives back a charge that was made by tally, once', async () => {
  const policies = [policyOf(100)];
  const limiter = limiterOn();
  const charged = (await times(4, () => limiter.consume(client, policies))).at(-1)!;
  await limiter.refund(client, charged, 1);
  expect(usedIn(await limiter.consume(client, policies, 0))).toBe(3);
});

test('a Redis that lost its data charges a client anew, and every key has an expiry', async () => {
  const policies = [policyOf(100)];
  const limiter = limiterOn();
  await times(4, () => limiter.consume(client, policies));
  for (const key of await redis.keys(`${prefix}*`)) expect(await redis.pttl(key), key).toBeGreaterThan(0);
  await redis.del(...(await redis.keys(`${prefix}rate*{${client}}*`)));
  expect((await times(3, () => limiter.consume(client, policies))).map(usedIn)).toEqual([1, 2, 3]);
  for (const key of await redis.keys(`${prefix}*`)) expect(await redis.pttl(key), key).toBeGreaterThan(0);
});

test('a charge by tally whose answer came after the end of its bucket is made again in the new one', async () => {
  const { redis: far, proxy } = await throughProxy(file.server);
  const [windowMs, bucketMs] = [3_000, 300];
  const limiter = limiterOn(far);
  const policies = [policyOf(100, windowMs)];
  const bucketOf = (ms: number) => Math.floor(ms / bucketMs);
  let verdict = (await times(3, () => limiter.consume(client, policies))).at(-1)!;
  proxy.delay(bucketMs);
  const before = bucketOf(verdict.at);
  verdict = await limiter.consume(client, policies);
  proxy.delay(0);
  expect(bucketOf(verdict.at)).toBeGreaterThan(before);
  expect(verdict.charges[0]!.bucket).toBe(bucketOf(verdict.at));
  expect(usedIn(verdict)).toBe(4);
});

/** What must not depend on how a client is charged. */
const told = ({ admitted, blockedMs, quotas }: QuotaVerdict) => ({
  admitted,
  isBlocked: blockedMs > 0,
  ...quotas.map(({ used, remaining, resetMs, retryAfterMs }) => ({
    used,
    remaining,
    resets: resetMs > 0,
    waits: retryAfterMs > 0,
  }))[0],
});

test('any sequence of calls by two processes decides the same with tallies and without', async () => {
  const dice = random(printedSeed('tallies'));
  for (let round = 0; round < sized({ quick: 12, full: 300 }); round++) {
    const limit = dice.pick([20, 100, 1_000]);
    const sides = [true, false].map((tallies) => ({
      client: `${round}-${tallies}`,
      limiters: [limiterOn(redis, tallies), limiterOn(redis, tallies)],
      open: [] as { verdict: QuotaVerdict; cost: number }[],
    }));
    const policies = [policyOf(limit)];
    for (let step = 0; step < 60; step++) {
      const [which, kind, cost] = [dice.below(2), dice.below(24), dice.pick([1, 1, 1, 2, 5])];
      const [points, nth] = [1 + dice.below(limit / 4), dice.below(8)];
      const results = await Promise.all(
        sides.map(async (side) => {
          const limiter = side.limiters[which]!;
          if (kind === 0) return limiter.adjust(side.client, policies, points);
          if (kind === 1) return limiter.adjust(side.client, policies, -points);
          if (kind === 2) return limiter.reset(side.client, policies);
          if (kind === 3) return limiter.block(side.client, 3_600_000, policies);
          if (kind === 4) return told(await limiter.consume(side.client, policies, 0));
          if (kind <= 6) {
            const [last] = side.open.splice(nth, 1);
            return last && limiter.refund(side.client, last.verdict, last.cost);
          }
          const verdict = await limiter.consume(side.client, policies, cost);
          if (verdict.admitted) side.open.push({ verdict, cost });
          return told(verdict);
        }),
      );
      expect(results[0], `round ${round}, step ${step}, kind ${kind}`).toEqual(results[1]);
    }
  }
}, 240_000);
