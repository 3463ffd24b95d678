import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { SlowFirst } from './test/support/slow-first.js';

// They ask how long an answer took, or run programs whose deadlines are the defaults: nothing else runs beside them.
const timed = [
  'test/faults/**/*.test.ts',
  'test/server/{first-start,migrate}.test.ts',
  'test/docs/blocks.test.ts',
];
// They need packages of Debian, which `.ci/run` installs; `npm test` needs nothing.
const debian = [
  'test/examples/fastapi.test.ts',
  'test/server/page-in-browser.test.ts',
  'test/middleware/ops/page.test.ts',
];
// The core of the suite also runs on the oldest ioredis of the peer range: single Redis, Cluster and the link itself.
const core = ['test/conformance/{single,cluster}.test.ts', 'test/src/redis/**/*.test.ts'];
const sampleOfCore = ['test/conformance/single.test.ts', 'test/src/redis/scripts.test.ts'];
// All that meets Express itself; `npm run test:express-4` runs it on Express 4.
const onExpress = ['test/middleware/**/*.test.ts'];
// A process runs one file after the other and loads the sources once: loading them anew was a third of the suite's time.
// So a test leaves nothing behind in its process, such as a fake clock or a variable of the environment.
const isFull = process.env.TEST_SIZE === 'full';
const testTimeout = isFull ? 300_000 : 30_000;
const shared = { pool: 'forks', isolate: false, testTimeout, hookTimeout: 60_000 } as const;

// At full size only what has a size: the rest would be the same tests as in `npm test`.
const all = ['test/**/*.test.ts'];
const include = isFull ? filesWith('support/size') : all;
// They replace the toolkit's clock before it is loaded, or look at hidden classes, which depend on all that a process
// has run before.
const isolated = [...filesWith('vi.mock('), ...filesWith('--allow-natives-syntax')];

export default defineConfig({
  test: {
    globalSetup: 'test/support/global-setup.ts',
    // Half of the time a test waits, for a process to start or a deadline to pass. Four at a time take 17 % more CPU, and
    // so as long.
    maxWorkers: 3,
    sequence: { sequencer: SlowFirst },
    projects: [
      {
        test: {
          ...shared,
          name: 'behaviour',
          include,
          exclude: [...timed, ...debian, ...isolated],
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...shared,
          name: 'isolated',
          isolate: true,
          include: isolated.filter((file) => include === all || include.includes(file)),
          sequence: { groupOrder: 0 },
        },
      },
      {
        resolve: { alias: { ioredis: 'ioredis-5-4' } },
        test: {
          ...shared,
          name: 'ioredis 5.4',
          include: isFull ? core : sampleOfCore,
          exclude: isolated,
          sequence: { groupOrder: 0 },
        },
      },
      {
        resolve: { alias: { express: 'express-4' } },
        test: {
          ...shared,
          name: 'express 4',
          include: onExpress,
          exclude: [...debian, ...isolated, 'test/middleware/idempotent/crashes.test.ts'],
          sequence: { groupOrder: 0 },
        },
      },
      {
        resolve: { alias: { express: 'express-4' } },
        test: {
          ...shared,
          name: 'express 4, isolated',
          isolate: true,
          include: isolated.filter((file) => file.startsWith('test/middleware/')),
          sequence: { groupOrder: 0 },
        },
      },
      { test: { ...shared, name: 'debian', include: debian, sequence: { groupOrder: 0 } } },
      {
        test: {
          ...shared,
          name: 'faults',
          include: include === all ? timed : include.filter((file) => file.startsWith('test/faults/')),
          maxWorkers: process.env.CI ? 2 : 3,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});

function filesWith(text: string): string[] {
  return readdirSync('test', { recursive: true, encoding: 'utf8' })
    .map((file) => join('test', file))
    .filter((file) => file.endsWith('.test.ts') && readFileSync(file, 'utf8').includes(text));
}
