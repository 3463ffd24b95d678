import { afterEach, expect, test, vi } from 'vitest';
import { calmLogger, logInfo, silentLogger } from '../../src/logger.js';

afterEach(() => vi.restoreAllMocks());

// An unhandled rejection fails the run.
test.each([
  [
    'throws',
    () => {
      throw new Error('the disk is full');
    },
  ],
  ['rejects', () => Promise.reject(new Error('the disk is full'))],
])('what a logger that %s does not write goes to the console, and nothing else happens', async (_, fail) => {
  const written: string[] = [];
  for (const level of ['info', 'warn', 'error'] as const)
    vi.spyOn(console, level).mockImplementation((text) => void written.push(`${level} ${text}`));
  const logger = calmLogger({ warn: fail, error: fail, info: fail });
  logger.warn({}, 'one');
  logger.error({ err: new Error('gone') }, 'two');
  logInfo(logger, {}, 'three');
  await new Promise(setImmediate);
  expect(written).toEqual([
    'warn express-redis-toolkit: one',
    'error express-redis-toolkit: two (gone)',
    'info express-redis-toolkit: three',
  ]);
});

test('a logger is calmed once, so that what is remembered of it stays', () => {
  const calm = calmLogger(silentLogger);
  expect(calmLogger(silentLogger)).toBe(calm);
  expect(calmLogger(calm)).toBe(calm);
});
