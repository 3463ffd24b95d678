import { expect, test } from 'vitest';
import { put, runOxlint, runOxlintWithTypes, useEmptyHouse } from './support/house.js';

useEmptyHouse();

const lines = (count: number) => 'export {};\n'.repeat(count);
const functionOf = (count: number) => `export function long(): void {\n${'  void 0;\n'.repeat(count - 2)}}\n`;

test.each([
  ['of ours', `async function save(): Promise<void> {}\nexport function go(): void {\n  save();\n}\n`],
  [
    'of ioredis',
    `import type { Redis } from 'ioredis';\nexport function go(redis: Redis): void {\n  redis.quit();\n}\n`,
  ],
  ['of Node', `import { rm } from 'node:fs/promises';\nexport function go(): void {\n  rm('x');\n}\n`],
])('lint refuses a floating promise %s', async (_of, source) => {
  await put('src/floating.ts', source);
  const { passed, output } = await runOxlintWithTypes('src/floating.ts');
  expect(output).toContain('no-floating-promises');
  expect(passed).toBe(false);
});

test('lint allows an awaited or voided promise', async () => {
  const source = 'export async function save(): Promise<void> {}\nvoid save();\nsave().catch(() => {});\n';
  await put('src/settled.ts', source);
  expect(await runOxlintWithTypes('src/settled.ts')).toMatchObject({ passed: true });
});

test.each([
  ['values', `import { b } from './b.js';\nexport const a = b;\n`],
  ['types', `import type { b } from './b.js';\nexport type A = typeof b;\n`],
])('lint refuses a circle of files that import %s', async (of, source) => {
  await put(`src/circle-of-${of}/a.ts`, source);
  await put(`src/circle-of-${of}/b.ts`, `import * as a from './c.js';\nexport const b = () => a;\n`);
  await put(`src/circle-of-${of}/c.ts`, `export * from './a.js';\n`);
  const { passed, output } = await runOxlint(`src/circle-of-${of}`);
  expect(output).toContain('import(no-cycle)');
  expect(passed).toBe(false);
});

test('lint allows that two files import a third', async () => {
  await put(
    'src/line/a.ts',
    `import { b } from './b.js';\nimport { c } from './c.js';\nexport const a = b + c;\n`,
  );
  await put('src/line/b.ts', `import { c } from './c.js';\nexport const b = c;\n`);
  await put('src/line/c.ts', 'export const c = 1;\n');
  expect(await runOxlint('src/line')).toMatchObject({ passed: true });
});

const floors = ['src', 'middleware', 'routes', 'server'];

test.each(floors)('lint refuses a file of 201 lines in %s/', async (floor) => {
  await put(`${floor}/long.ts`, lines(201));
  const { passed, output } = await runOxlint(`${floor}/long.ts`);
  expect(output).toContain('eslint(max-lines)');
  expect(passed).toBe(false);
});

test.each(floors)('lint refuses a function of 51 lines in %s/', async (floor) => {
  await put(`${floor}/long-function.ts`, functionOf(51));
  const { passed, output } = await runOxlint(`${floor}/long-function.ts`);
  expect(output).toContain('eslint(max-lines-per-function)');
  expect(passed).toBe(false);
});

test.each([
  ['a file of 200 lines', 'src/room/file.ts', lines(200)],
  ['a function of 50 lines', 'src/room/function.ts', functionOf(50)],
  ['an options.ts of 201 lines', 'middleware/room/options.ts', lines(201)],
  ['a test of 201 lines', 'test/room.test.ts', lines(201)],
])('lint allows %s', async (_what, path, source) => {
  await put(path, source);
  expect(await runOxlint(path)).toMatchObject({ passed: true });
});

test('lint refuses a function of 51 lines in an options.ts', async () => {
  await put('middleware/room/options.ts', functionOf(51));
  expect((await runOxlint('middleware/room/options.ts')).output).toContain('eslint(max-lines-per-function)');
});
