import { expect, test } from 'vitest';
import { cleanUp } from '../../server/shutdown.js';

test('cleaning up goes on after a step that fails, in order, and says so', async () => {
  const done: string[] = [];
  const lines: string[] = [];
  const steps = [
    async () => done.push('pool'),
    async () => {
      throw new Error('no answer');
    },
    async () => done.push('services'),
  ];
  expect(await cleanUp(steps, (line) => lines.push(line))).toBe(false);
  expect(done).toEqual(['pool', 'services']);
  expect(lines).toEqual(['shutdown: no answer']);
  expect(await cleanUp([async () => {}], () => {})).toBe(true);
});
