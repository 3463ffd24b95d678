import { defineConfig } from 'vitest/config';

const timed = 'test/faults/**/*.test.ts';

export default defineConfig({
  test: {
    globalSetup: 'test/support/global-setup.ts',
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'behaviour',
          include: ['test/**/*.test.ts'],
          exclude: [timed],
          sequence: { groupOrder: 0 },
        },
      },
      // They ask how long an answer took: each has the machine to itself.
      {
        extends: true,
        test: { name: 'faults', include: [timed], maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
