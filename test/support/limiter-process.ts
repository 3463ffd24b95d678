import type { Algorithm } from '../../src/limits/quota.js';
import { RateLimiter } from '../../src/limits/rate-limiter.js';
import { closeRedis, connectRedis } from '../../src/redis/connect.js';
import { serve } from './child.js';
import type { Decision, LimiterLoad } from './limiter-oracle.js';
import { random } from './random.js';

/** Bursts and trickles at random, so that windows fill just before and just after they turn. */
async function run({
  url,
  algorithm,
  limit,
  windowMs,
  clients,
  requests,
  seed,
  prefix,
  tallies,
}: LimiterLoad): Promise<Decision[]> {
  const redis = connectRedis(url);
  const limiter = new RateLimiter(redis, { prefix, timeoutMs: 5_000, name: 'p', tallies });
  const policies = [{ name: 'oracle', limit, windowMs, algorithm: algorithm as Algorithm }];
  const dice = random(seed);
  const decisions: Decision[] = [];
  const consume = async (client: string, cost: number) => {
    // Redis is on this machine, so this is its clock too.
    const askedAt = Date.now();
    const { admitted, at } = await limiter.consume(client, policies, cost);
    decisions.push({ client, at, earliest: tallies ? Math.min(at, askedAt) : at, cost, admitted });
  };
  while (decisions.length < requests) {
    const client = `client-${dice.below(clients)}`;
    const burst = dice.below(3) === 0 ? dice.below(2 * limit) + 1 : 1;
    await Promise.all(Array.from({ length: burst }, () => consume(client, dice.below(3) + 1)));
    if (dice.below(4) === 0) await new Promise((resolve) => setTimeout(resolve, dice.below(windowMs / 3)));
  }
  await closeRedis(redis);
  return decisions;
}

serve({ run });
