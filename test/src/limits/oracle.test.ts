import { expect, inject, test } from 'vitest';
import { decisionsOf, judge } from '../../support/limiter-oracle.js';
import { printedSeed } from '../../support/random.js';
import { sized } from '../../support/size.js';

const LIMIT = 20;
const WINDOW_MS = 600;
const GRANULARITY_MS = WINDOW_MS / 10 + 1;
const PROCESSES = 4;

async function judged(algorithm: string, tallies: boolean) {
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
    tallies,
  };
  const decisions = await decisionsOf(load, PROCESSES);
  expect(decisions.length).toBeGreaterThanOrEqual(load.requests);
  expect(decisions.filter(({ admitted }) => admitted).length).toBeGreaterThan(LIMIT * 10);
  return judge(decisions, LIMIT, WINDOW_MS, GRANULARITY_MS);
}

test.each([
  ['by script', false],
  ['by tally where that is safe', true],
])(
  'sliding-window over several processes, charged %s: no trailing window admits more than the limit, and none refuses without cause',
  async (_how, tallies) => {
    const { overfull, mostInAWindow, undueRefusals } = await judged('sliding-window', tallies);
    expect(mostInAWindow).toBe(LIMIT);
    expect(overfull).toBe(0);
    expect(undueRefusals).toBe(0);
  },
  180_000,
);

test('the oracle of these tests finds the windows that fixed-window overfills', async () => {
  const { overfull, mostInAWindow } = await judged('fixed-window', false);
  expect(overfull).toBeGreaterThan(0);
  expect(mostInAWindow).toBeGreaterThan(LIMIT);
}, 180_000);
