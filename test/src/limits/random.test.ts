import type { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import type { Policy, QuotaVerdict } from '../../../src/limits/quota.js';
import { RateLimiter } from '../../../src/limits/rate-limiter.js';
import { clientForFile } from '../../support/client-for-file.js';
import { printedSeed, random } from '../../support/random.js';
import { sized } from '../../support/size.js';

let redis: Redis;
clientForFile((own) => {
  redis = own;
});

/** What one client was charged and given back, without regard to time. */
interface Account {
  charged: number;
  open: { verdict: QuotaVerdict; cost: number }[];
}

test('after any sequence of limiter calls each key has an expiry and counts between zero and the charges', async () => {
  const seed = printedSeed('limiter sequences');
  const dice = random(seed);
  const prefix = `sequences-${seed}:`;
  const limiter = new RateLimiter(redis, { prefix, timeoutMs: 2_000, name: 'p' });
  const policies: readonly Policy[] = [
    { name: 's', limit: 9, windowMs: 200, algorithm: 'sliding-window' },
    { name: 'f', limit: 9, windowMs: 150, algorithm: 'fixed-window' },
    { name: 't', limit: 9, windowMs: 250, algorithm: 'token-bucket' },
  ];
  const accounts = new Map<string, Account>();

  const steps: ((client: string, account: Account) => Promise<unknown>)[] = [
    async (client, account) => {
      const cost = dice.below(5);
      const verdict = await limiter.consume(client, policies, cost);
      if (!verdict.admitted) return;
      account.charged += cost;
      account.open.push({ verdict, cost });
    },
    async (client, account) => {
      const refund = account.open.splice(dice.below(account.open.length), 1)[0];
      if (refund) await limiter.refund(client, refund.verdict, refund.cost);
    },
    async (client, account) => {
      await limiter.reset(client, policies);
      account.charged = 0;
    },
    (client) => limiter.block(client, 1 + dice.below(30)),
    async (client, account) => {
      const points = 1 + dice.below(6);
      account.charged += points;
      await limiter.adjust(client, policies, points);
    },
    (client) => limiter.adjust(client, policies, -1 - dice.below(12)),
    () => new Promise((resolve) => setTimeout(resolve, dice.below(60))),
    () => redis.script('FLUSH'),
    async () => {
      redis.stream.destroy();
      await new Promise((resolve) => redis.once('ready', resolve));
    },
  ];
  const weights = [9, 5, 1, 1, 2, 3, 2, 1, 1].flatMap((weight, step) => Array<number>(weight).fill(step));

  for (let i = 0; i < sized({ quick: 700, full: 8_000 }); i++) {
    const client = `c${dice.below(4)}`;
    const account = accounts.get(client) ?? { charged: 0, open: [] };
    accounts.set(client, account);
    await steps[dice.pick(weights)]!(client, account);
    for (const key of await redis.keys(`${prefix}*`)) expect(await redis.pttl(key), key).not.toBe(-1);
    const { quotas } = await limiter.consume(client, policies, 0);
    for (const { used, name } of quotas) {
      expect(used, name).toBeGreaterThanOrEqual(0);
      expect(used, name).toBeLessThanOrEqual(account.charged);
    }
  }
}, 240_000);
