import { expect, inject, test } from 'vitest';
import { decisionsOf, judge } from '../../support/limiter-oracle.js';
import { printedSeed } from '../../support/random.js';
import { sized } from '../../support/size.js';

const LIMIT = 20;
const WINDOW_MS = 600;
const GRANULARITY_MS = WINDOW_MS / 10 + 1;
const PROCESSES = 4;

async function judged(algorithm: string) {
  const seed = printedSeed(`limiter oracle, ${algorithm}`);
  const load = {
    url: inject('redisUrl'),
    algorithm,
    limit: LIMIT,
    windowMs: WINDOW_MS,
    clients: 6,
    requests: sized({ quick: 3_000, full: 40_000 }),
    seed,
    prefix: `oracle-${algorithm}-${seed}:`,
  };
  const decisions = await decisionsOf(load, PROCESSES);
  expect(decisions.length).toBeGreaterThanOrEqual(load.requests);
  expect(decisions.filter(({ admitted }) => admitted).length).toBeGreaterThan(LIMIT * 10);
  return judge(decisions, LIMIT, WINDOW_MS, GRANULARITY_MS);
}

test('sliding-window over several processes: no trailing window admits more than the limit, and none refuses without cause', async () => {
  const { overfull, mostInAWindow, undueRefusals } = await judged('sliding-window');
  expect(mostInAWindow).toBe(LIMIT);
  expect(overfull).toBe(0);
  expect(undueRefusals).toBe(0);
}, 180_000);

test('the oracle of these tests finds the windows that fixed-window overfills', async () => {
  const { overfull, mostInAWindow } = await judged('fixed-window');
  expect(overfull).toBeGreaterThan(0);
  expect(mostInAWindow).toBeGreaterThan(LIMIT);
}, 180_000);
