import { expect, test, vi } from 'vitest';
import type { Policy, QuotaVerdict } from '../../../src/limits/quota.js';
import { RefusedClients } from '../../../src/limits/refused-clients.js';

vi.mock('../../../src/timers.js', () => import('../../support/fakeable-timers.js'));

const policies: readonly Policy[] = [{ name: 'p', limit: 5, windowMs: 60_000, algorithm: 'sliding-window' }];
const refusal = (retryAfterMs: number, blockedMs = 0): QuotaVerdict => ({
  admitted: false,
  blockedMs,
  at: 0,
  quotas: [
    {
      ...policies[0]!,
      used: 5,
      remaining: 0,
      resetMs: retryAfterMs,
      retryAfterMs,
    },
  ],
  charges: [{ bucket: 0, salt: 0 }],
});

function at(moment: number): void {
  vi.spyOn(performance, 'now').mockReturnValue(moment);
}

test('a remembered refusal ends when its wait is over, counted from before Redis was asked', () => {
  const refused = new RefusedClients();
  at(1_000);
  refused.remember('me', policies, 1, refusal(300), 900);
  expect(refused.recall('me', policies, 1)?.quotas).toMatchObject([{ retryAfterMs: 300 }]);
  at(1_199);
  expect(refused.recall('me', policies, 1)).toBeDefined();
  at(1_200);
  expect(refused.recall('me', policies, 1)).toBeUndefined();
});

test('a remembered refusal applies to the same and higher costs, not to a lower one', () => {
  const refused = new RefusedClients();
  at(0);
  refused.remember('me', policies, 3, refusal(300), 0);
  expect([1, 2, 3, 4].map((cost) => refused.recall('me', policies, cost) !== undefined)).toEqual([
    false,
    false,
    true,
    true,
  ]);
});

test('a remembered block applies to every cost', () => {
  const refused = new RefusedClients();
  at(0);
  refused.remember('me', policies, 3, refusal(500, 500), 0);
  expect(refused.recall('me', policies, 1)?.blockedMs).toBe(500);
});

test('a refusal is not remembered for other limits, nor for longer than a second', () => {
  const refused = new RefusedClients();
  at(0);
  refused.remember('me', policies, 1, refusal(60_000), 0);
  expect(refused.recall('me', [{ ...policies[0]!, limit: 9 }], 1)).toBeUndefined();
  at(1_001);
  expect(refused.recall('me', policies, 1)).toBeUndefined();
});

test('an answer from before a reset is not remembered after it', () => {
  const refused = new RefusedClients();
  at(10);
  refused.forget('me');
  refused.remember('me', policies, 1, refusal(300), 9);
  expect(refused.recall('me', policies, 1)).toBeUndefined();
  refused.remember('me', policies, 1, refusal(300), 11);
  expect(refused.recall('me', policies, 1)).toBeDefined();
});

test("the wait of a remembered refusal counts from Redis' answer, the latest moment of the decision", () => {
  const refused = new RefusedClients();
  at(1_000);
  refused.remember('me', policies, 1, refusal(800), 700);
  at(1_100);
  expect(refused.recall('me', policies, 1)).toMatchObject({ at: 100, quotas: [{ retryAfterMs: 700 }] });
});

test('refusals of a flood of clients are remembered for 10,000 clients at most', () => {
  const refused = new RefusedClients();
  at(0);
  for (let i = 0; i < 20_000; i++) refused.remember(`c${i}`, policies, 1, refusal(300), 0);
  const kept = Array.from({ length: 20_000 }, (_, i) => refused.recall(`c${i}`, policies, 1)).filter(Boolean);
  expect(kept).toHaveLength(10_000);
});
