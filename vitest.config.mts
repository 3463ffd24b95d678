import { defineConfig } from 'vitest/config';

const timed = 'test/faults/**/*.test.ts';
const shared = { pool: 'forks', testTimeout: 20_000, hookTimeout: 60_000 } as const;

export default defineConfig({
  test: {
    globalSetup: 'test/support/global-setup.ts',
    maxWorkers: 2,
    projects: [
      {
        test: {
          ...shared,
          name: 'behaviour',
          include: ['test/**/*.test.ts'],
          exclude: [timed],
          sequence: { groupOrder: 0 },
        },
      },
      // They ask how long an answer took: each has the machine to itself.
      {
        test: { ...shared, name: 'faults', include: [timed], maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
