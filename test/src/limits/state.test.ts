import { afterAll, beforeEach, expect, inject, test } from 'vitest';
import type { Policy } from '../../../src/limits/quota.js';
import { RateLimiter } from '../../../src/limits/rate-limiter.js';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { patient } from '../../support/patient.js';
import { printedSeed, random } from '../../support/random.js';
import { sized } from '../../support/size.js';

// A bucket of this window lasts 36 days: none ends while a test runs.
const WINDOW_MS = 365 * 24 * 3_600_000;
const BUCKET_MS = WINDOW_MS / 10;

const redis = patient(connectRedis(inject('redisUrl')));
const prefix = `limiter-state-${process.pid}:`;
const limiter = new RateLimiter(redis, { prefix, timeoutMs: 2_000, name: 'p' });
afterAll(() => closeRedis(redis));

let client = '';
let clients = 0;
const another = () => {
  client = `203.0.113.${++clients}`;
};
beforeEach(another);

const policy = (limit: number, name = 'p'): Policy => ({
  name,
  limit,
  windowMs: WINDOW_MS,
  algorithm: 'sliding-window',
});
const keyOf = () => `${prefix}rate:{${client}}:p/365d`;
const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0);

async function currentBucket(): Promise<number> {
  const [seconds] = await redis.time();
  return Math.floor((Number(seconds) * 1_000) / BUCKET_MS);
}

/** A state as src/lua/includes/quota-layout.lua has it, by charges per bucket, the newest first. */
function stateOf(newest: number, counts: readonly number[]): Buffer {
  const wide = sum(counts) > 65_535;
  const state = Buffer.alloc(wide ? 53 : 33);
  state.writeUInt16BE(4_711, 0);
  state.writeUIntBE(newest, 2, 6);
  state.writeUInt32BE(sum(counts), 8);
  state.writeUInt8(
    counts.findLastIndex((count) => count > 0),
    12,
  );
  counts.slice(1).forEach((count, i) => {
    if (wide) state.writeUInt32BE(count, 13 + 4 * i);
    else state.writeUInt16BE(count, 13 + 2 * i);
  });
  return state;
}

const endOf = (bucket: number) => (bucket + 11) * BUCKET_MS;

/** What a list of single charges says about a cost, without buckets, sums or shifts. */
function expected(counts: readonly number[], newest: number, current: number, limit: number, cost: number) {
  const bucket = Math.max(newest, current);
  const charges = counts
    .map((count, i) => ({ count, bucket: newest - i }))
    .filter((charge) => charge.count > 0 && charge.bucket >= bucket - 10);
  const total = sum(charges.map(({ count }) => count));
  const admitted = total + cost <= limit;
  if (admitted && cost > 0) charges.unshift({ count: cost, bucket });
  let left = total;
  const leaver = charges.findLast(({ count }) => {
    left -= count;
    return left + cost <= limit;
  });
  return {
    admitted,
    used: admitted ? total + cost : total,
    bucket,
    resetAt: charges.length > 0 ? endOf(charges.at(-1)!.bucket) : 0,
    fitsAt: admitted ? 0 : cost > limit ? Number.POSITIVE_INFINITY : endOf(leaver!.bucket),
    expiresAt: charges.length > 0 ? endOf(charges[0]!.bucket) : 0,
  };
}

test('any stored sliding state is read as its charges, with one policy and with several', async () => {
  const dice = random(printedSeed('limiter states'));
  const current = await currentBucket();
  const other = { ...policy(1_000_000_000, 'q'), windowMs: 60_000 };
  for (let round = 0; round < sized({ quick: 400, full: 10_000 }); round++) {
    const most = dice.pick([3, 500, 90_000]);
    const counts = Array.from({ length: 11 }, (_, i) => (i === 0 ? 1 : dice.below(2) * dice.below(most)));
    const newest = current + 2 - dice.below(15);
    const cost = dice.below(4);
    const limit = Math.max(1, sum(counts) + dice.below(9) - 4 - dice.below(2) * dice.below(sum(counts)));
    for (const policies of [[policy(limit)], [other, policy(limit)]]) {
      // A state that comes from elsewhere knows nothing of the tally of an earlier one.
      another();
      await redis.set(keyOf(), stateOf(newest, counts), 'PXAT', endOf(Math.max(newest, current)));
      const want = expected(counts, newest, current, limit, cost);
      const { admitted, at, quotas, charges } = await limiter.consume(client, policies, cost);
      const { used, resetMs, retryAfterMs } = quotas.at(-1)!;
      const { bucket } = charges.at(-1)!;
      const label = JSON.stringify({ counts, age: current - newest, cost, limit, policies: policies.length });
      expect(
        {
          admitted,
          used,
          bucket,
          resetAt: resetMs && at + resetMs,
          fitsAt: retryAfterMs && at + retryAfterMs,
        },
        label,
      ).toEqual({ ...want, expiresAt: undefined });
      // In milliseconds from now, as SET … PX takes it, the end may lie a moment later, and never earlier.
      if (used > 0) expect(await redis.pexpiretime(keyOf()), label).toBeGreaterThanOrEqual(want.expiresAt);
      const after = await limiter.consume(client, [policy(1_000_000_000)]);
      expect([after.quotas[0]!.used, after.charges[0]!.bucket], label).toEqual([used + 1, bucket]);
      expect(after.at + after.quotas[0]!.resetMs, label).toBe(want.resetAt || endOf(bucket));
    }
  }
}, 240_000);

test('a charge after a refund of the only charge gets the full expiry', async () => {
  const current = await currentBucket();
  await redis.set(keyOf(), stateOf(current - 1, [2]), 'PXAT', endOf(current - 1));
  const policies = [policy(5)];
  const charged = await limiter.consume(client, policies);
  expect(await redis.pexpiretime(keyOf())).toBeGreaterThanOrEqual(endOf(current));
  await limiter.refund(client, charged, 1);
  expect(await redis.pexpiretime(keyOf())).toBeLessThan(endOf(current));
  await limiter.consume(client, policies);
  expect(await redis.pexpiretime(keyOf())).toBeGreaterThanOrEqual(endOf(current));
  expect((await limiter.consume(client, policies, 0)).quotas[0]!.used).toBe(3);
});

test('a refund takes from the bucket that was charged, even when it is no longer the newest', async () => {
  const current = await currentBucket();
  await redis.set(keyOf(), stateOf(current - 3, [1, 0, 4]), 'PXAT', endOf(current - 3));
  const policies = [policy(9)];
  const charged = await limiter.consume(client, policies);
  expect(charged.at + charged.quotas[0]!.resetMs).toBe(endOf(current - 5));
  const older = { ...charged, charges: [{ ...charged.charges[0]!, bucket: current - 5 }] };
  await limiter.refund(client, older, 4);
  const after = await limiter.consume(client, policies, 0);
  expect(after.quotas[0]!.used).toBe(2);
  expect(after.at + after.quotas[0]!.resetMs).toBe(endOf(current - 3));
});

test('a block refuses a client that has quota left, and charges nothing', async () => {
  await limiter.consume(client, [policy(5)]);
  await limiter.block(client, 60_000);
  const { admitted, blockedMs, quotas } = await limiter.consume(client, [policy(5)]);
  expect({ admitted, used: quotas[0]!.used }).toEqual({ admitted: false, used: 1 });
  expect(blockedMs).toBeGreaterThan(0);
});

test('a reward takes the newest charges first, and shortens the expiry accordingly', async () => {
  const current = await currentBucket();
  await redis.set(keyOf(), stateOf(current, [1, 5]), 'PXAT', endOf(current));
  await limiter.adjust(client, [policy(9)], -3);
  expect(await redis.pexpiretime(keyOf())).toBeLessThan(endOf(current));
  const { at, quotas } = await limiter.consume(client, [policy(9)], 0);
  expect(quotas[0]!.used).toBe(3);
  expect(at + quotas[0]!.resetMs).toBe(endOf(current - 1));
});

test('a bucket that needs four bytes is stored and expires like the others', async () => {
  const current = await currentBucket();
  await redis.set(keyOf(), stateOf(current - 1, [1, 90_000]), 'PXAT', endOf(current));
  await limiter.consume(client, [policy(100_000)]);
  const { at, quotas } = await limiter.consume(client, [policy(12)], 10);
  expect(quotas[0]!.used).toBe(90_002);
  expect(at + quotas[0]!.retryAfterMs).toBe(endOf(current - 2));
});

test('endless penalties stop at the largest 32-bit count', async () => {
  for (let i = 0; i < 5; i++) await limiter.adjust(client, [policy(9)], 1_000_000_000);
  expect((await limiter.consume(client, [policy(9)], 0)).quotas[0]!.used).toBe(2 ** 32 - 1);
});

test('a value that is not a limiter state is ignored and overwritten', async () => {
  const state = stateOf(await currentBucket(), [3]);
  const strangers = [0, 1, 12, 13, 16, 32, 34, 52, 54].map((bytes) =>
    Buffer.concat([state, state]).subarray(0, bytes),
  );
  for (const stranger of strangers) {
    await redis.set(keyOf(), stranger);
    expect((await limiter.consume(client, [policy(5)])).quotas[0]!.used).toBe(1);
    expect(await redis.strlen(keyOf())).toBe(33);
    expect(await redis.pttl(keyOf())).toBeGreaterThan(0);
  }
  await redis.del(keyOf());
  await redis.hset(keyOf(), 'a', 'hash');
  expect((await limiter.consume(client, [policy(5)])).quotas[0]!.used).toBe(1);
});
