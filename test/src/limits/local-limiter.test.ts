import { expect, test, vi } from 'vitest';
import { LocalLimiter } from '../../../src/limits/local-limiter.js';
import type { Policy } from '../../../src/limits/quota.js';
import { printedSeed, random } from '../../support/random.js';

vi.mock('../../../src/timers.js', () => import('../../support/fakeable-timers.js'));

const WINDOW_MS = 1_000;
const policy = (limit: number, name = 'p'): Policy => ({
  name,
  limit,
  windowMs: WINDOW_MS,
  algorithm: 'sliding-window',
});

function at(moment: number): void {
  vi.spyOn(performance, 'now').mockReturnValue(moment);
}

test('LocalLimiter: no trailing window admits more than the limit, and no charge counts longer than 1.1 windows', () => {
  const dice = random(printedSeed('local limiter'));
  const limiter = new LocalLimiter();
  const admitted: { moment: number; cost: number }[] = [];
  const within = (from: number, to: number) =>
    admitted.reduce((sum, { moment, cost }) => (moment > from && moment <= to ? sum + cost : sum), 0);
  for (let moment = 0; moment < 60_000; moment += dice.below(60)) {
    at(moment);
    const cost = 1 + dice.below(3);
    const verdict = limiter.consume('me', [policy(10)], cost);
    if (verdict.admitted) admitted.push({ moment, cost });
    else expect(within(moment - WINDOW_MS * 1.1, moment) + cost).toBeGreaterThan(10);
    expect(within(moment - WINDOW_MS, moment)).toBeLessThanOrEqual(10);
  }
  expect(admitted.length).toBeGreaterThan(200);
});

test('LocalLimiter charges all policies or none, and admits after the wait it reported', () => {
  const limiter = new LocalLimiter();
  at(5);
  limiter.consume('me', [policy(1, 'tight'), policy(9, 'wide')], 1);
  const refused = limiter.consume('me', [policy(1, 'tight'), policy(9, 'wide')], 1);
  expect(refused.admitted).toBe(false);
  expect(refused.quotas.map(({ used }) => used)).toEqual([1, 1]);
  at(5 + refused.quotas[0]!.retryAfterMs);
  expect(limiter.consume('me', [policy(1, 'tight'), policy(9, 'wide')], 1).admitted).toBe(true);
});

test('LocalLimiter gives a refund back in the bucket that was charged', () => {
  const limiter = new LocalLimiter();
  at(50);
  const charged = limiter.consume('me', [policy(3)], 2);
  at(450);
  limiter.consume('me', [policy(3)], 1);
  limiter.refund('me', charged, 2);
  expect(limiter.consume('me', [policy(3)], 0).quotas[0]!.used).toBe(1);
});
