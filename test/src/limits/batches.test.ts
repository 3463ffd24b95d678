import { afterAll, beforeEach, describe, expect, inject, test } from 'vitest';
import type { Algorithm, Policy, QuotaVerdict } from '../../../src/limits/quota.js';
import { RateLimiter } from '../../../src/limits/rate-limiter.js';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { countedRedis } from '../../middleware/support/counted-redis.js';
import { patient } from '../../support/patient.js';
import { printedSeed, random } from '../../support/random.js';
import { sized } from '../../support/size.js';

// No bucket ends and next to nothing is refilled while a test runs.
const YEAR_MS = 365 * 24 * 3_600_000;
const ALGORITHMS = ['sliding-window', 'fixed-window', 'token-bucket'] as const;

const redis = patient(connectRedis(inject('redisUrl')));
const prefix = `limiter-batches-${process.pid}:`;
const limiter = new RateLimiter(redis, { prefix, timeoutMs: 2_000, name: 'p' });
afterAll(() => closeRedis(redis));

let clients = 0;
let client = '';
beforeEach(() => {
  client = `client-${++clients}`;
});

const policy = (limit: number, algorithm: Algorithm, name = 'p', windowMs = YEAR_MS): Policy => ({
  name,
  limit,
  windowMs,
  algorithm,
});

interface Asked {
  readonly client: string;
  readonly policies: readonly Policy[];
  readonly cost: number;
}

type Ask = (asked: Asked) => Promise<QuotaVerdict>;
const consume: Ask = (asked) => limiter.consume(asked.client, asked.policies, asked.cost);

/** The same for a client of another name, one after the other. */
async function oneByOne(all: readonly Asked[]): Promise<QuotaVerdict[]> {
  const verdicts: QuotaVerdict[] = [];
  for (const asked of all) verdicts.push(await consume({ ...asked, client: `${asked.client} again` }));
  return verdicts;
}

const inOneTurn = (all: readonly Asked[]): Promise<QuotaVerdict[]> => Promise.all(all.map(consume));

/** What does not depend on when it was asked; waits by whether there is one. */
const told = ({ admitted, blockedMs, quotas }: QuotaVerdict) => ({
  admitted,
  isBlocked: blockedMs > 0,
  quotas: quotas.map(({ name, used, remaining, resetMs, retryAfterMs }) => ({
    name,
    used,
    remaining,
    resets: resetMs > 0,
    waits: retryAfterMs === Number.POSITIVE_INFINITY ? 'for ever' : retryAfterMs > 0,
  })),
});

/** When a refused cost would fit, by Redis' clock. */
const fitsAt = ({ at, quotas }: QuotaVerdict) => quotas.map(({ retryAfterMs }) => at + retryAfterMs);

describe.each(ALGORITHMS)('%s', (algorithm) => {
  test('many requests in one turn: exactly the limit is admitted, and each learns what it leaves', async () => {
    const policies = [policy(10, algorithm)];
    const verdicts = await inOneTurn(Array.from({ length: 25 }, () => ({ client, policies, cost: 1 })));
    expect(verdicts.filter(({ admitted }) => admitted)).toHaveLength(10);
    expect(verdicts.map(({ quotas }) => quotas[0]!.remaining)).toEqual([
      ...[9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
      ...Array(15).fill(0),
    ]);
    expect((await limiter.consume(client, policies)).admitted).toBe(false);
  });

  test('refused requests of one turn get the same wait as requests that come one by one', async () => {
    const policies = [policy(7, algorithm), policy(100, algorithm, 'q')];
    const all = Array.from({ length: 6 }, () => ({ client, policies, cost: 3 }));
    const sequential = await oneByOne(all);
    const together = await inOneTurn(all);
    expect(together.map(({ admitted }) => admitted)).toEqual([true, true, false, false, false, false]);
    // What a bucket refills begins with the first charge, whose moments are this far apart at most.
    const apartMs = together.at(-1)!.at - sequential[0]!.at;
    for (const [position, verdict] of together.entries()) {
      if (verdict.admitted) continue;
      for (const [index, at] of fitsAt(verdict).entries()) {
        const difference = at - fitsAt(sequential[position]!)[index]!;
        expect(Math.abs(difference)).toBeLessThanOrEqual(apartMs + 2);
      }
      expect(verdict.quotas[0]!.retryAfterMs).toBeGreaterThan(0);
      expect(verdict.quotas[1]!.retryAfterMs).toBe(0);
    }
  });

  test('a refund of one request of a turn gives back its own cost only', async () => {
    const policies = [policy(10, algorithm), policy(20, algorithm, 'q')];
    const [, second] = await inOneTurn(Array.from({ length: 3 }, () => ({ client, policies, cost: 2 })));
    await limiter.refund(client, second!, 2);
    const { quotas } = await limiter.consume(client, policies, 0);
    expect(quotas.map(({ used }) => used)).toEqual([4, 4]);
  });

  test('all requests of a blocked client in one turn are refused and charge nothing', async () => {
    const policies = [policy(10, algorithm)];
    await limiter.block(client, 60_000);
    for (const { admitted, blockedMs, quotas } of await inOneTurn(
      Array.from({ length: 3 }, () => ({ client, policies, cost: 1 })),
    )) {
      expect([admitted, quotas[0]!.remaining, quotas[0]!.used]).toEqual([false, 0, 0]);
      expect(blockedMs).toBeGreaterThan(50_000);
      expect(quotas[0]!.retryAfterMs).toBe(blockedMs);
    }
  });
});

test('random requests of one turn get the same verdicts as requests one after the other', async () => {
  const { below, pick } = random(printedSeed('limiter batches'));
  for (let round = 0; round < sized({ quick: 60, full: 2_000 }); round++) {
    const terms = () =>
      Array.from({ length: 1 + below(3) }, (_, i) => policy(1 + below(25), pick(ALGORITHMS), `${i}`));
    const first = terms();
    // The same terms as another limiter has them, and others under other names.
    const sets = [first, [...first], terms().map((one) => ({ ...one, name: `other-${one.name}` }))];
    const [few, many] = [below(4), 1 + below(6)];
    const names = ['a', 'b'].map((name) => `${client}-${round}-${name}`);
    const blocked = below(5) === 0;
    if (blocked) {
      for (const name of [names[0]!, `${names[0]} again`]) await limiter.block(name, 3_600_000);
    }
    let last = { client: names[0]!, policies: pick(sets), cost: many };
    const all = Array.from({ length: 1 + below(30) }, () => {
      // Runs of the same are what is decided together.
      if (below(4) === 0) last = { client: pick(names), policies: pick(sets), cost: pick([few, many]) };
      return last;
    });
    const together = (await inOneTurn(all)).map(told);
    expect(together).toEqual((await oneByOne(all)).map(told));
  }
});

test('requests share a script call only with the same client, policies and cost', async () => {
  const counted = await countedRedis();
  const own = new RateLimiter(counted.redis, { prefix: '', timeoutMs: 2_000, name: 'p' });
  const [policies, others] = [[policy(10, 'fixed-window')], [policy(10, 'fixed-window', 'q')]];
  await own.consume('warm-up', policies);
  const callsOf = async (...asked: [string, readonly Policy[], number][]) =>
    (await counted.costOf(() => Promise.all(asked.map((one) => own.consume(...one))))).commands.length;
  expect(await callsOf(['a', policies, 1], ['a', policies, 1], ['a', policies, 1])).toBe(1);
  expect(await callsOf(['a', policies, 1], ['b', policies, 1])).toBe(2);
  expect(await callsOf(['a', policies, 1], ['a', policies, 2])).toBe(2);
  expect(await callsOf(['a', policies, 1], ['a', others, 1])).toBe(2);
});
