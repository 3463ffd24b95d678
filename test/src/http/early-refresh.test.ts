import { expect, test } from 'vitest';
import { isDueEarly } from '../../../src/http/early-refresh.js';
import { printedSeed, random } from '../../support/random.js';

const DRAWS = 20_000;
const { next } = random(printedSeed('early refresh'));
const share = (left: number, cost: number, eagerness: number) => {
  let due = 0;
  for (let draw = 0; draw < DRAWS; draw++) if (isDueEarly({ left, cost }, eagerness, next)) due++;
  return due / DRAWS;
};

test.each([
  [1, 1, 1],
  [3, 1, 1],
  [3, 1, 2],
  [10, 2, 5],
])('%i left of something that costs %i, eagerness %i: as often as XFetch says', (left, cost, eagerness) => {
  // P(-cost * eagerness * ln U >= left); one run in a million is five deviations away.
  const expected = Math.exp(-left / (cost * eagerness));
  const deviation = Math.sqrt((expected * (1 - expected)) / DRAWS);
  expect(Math.abs(share(left, cost, eagerness) - expected)).toBeLessThan(5 * deviation);
});

test('what costs nothing, or is not to be refreshed early, never is', () => {
  expect(share(1, 0, 1)).toBe(0);
  expect(share(1, 1, 0)).toBe(0);
});
