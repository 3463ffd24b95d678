import { expect, test } from 'vitest';
import { useLintedHouse } from './support/house.js';

const { put, foundIn } = useLintedHouse('oxlint');

const lines = (count: number) => 'export {};\n'.repeat(count);
const functionOf = (count: number) => `export function long(): void {\n${'  void 0;\n'.repeat(count - 2)}}\n`;
const floating = (source: string) => put('src/floating.ts', source);

test.each([
  [
    'of ours',
    floating(`async function save(): Promise<void> {}\nexport function go(): void {\n  save();\n}\n`),
  ],
  [
    'of ioredis',
    floating(
      `import type { Redis } from 'ioredis';\nexport function go(redis: Redis): void {\n  redis.quit();\n}\n`,
    ),
  ],
  [
    'of Node',
    floating(`import { rm } from 'node:fs/promises';\nexport function go(): void {\n  rm('x');\n}\n`),
  ],
])('lint refuses a floating promise %s', (_of, path) => {
  expect(foundIn(path)).toContain('no-floating-promises');
});

const settled = put(
  'src/settled.ts',
  'export async function save(): Promise<void> {}\nvoid save();\nsave().catch(() => {});\n',
);
test('lint allows an awaited or voided promise', () => {
  expect(foundIn(settled)).toBe('');
});

function circle(of: string, source: string): string {
  put(`src/circle-of-${of}/b.ts`, `import * as a from './c.js';\nexport const b = () => a;\n`);
  put(`src/circle-of-${of}/c.ts`, `export * from './a.js';\n`);
  return put(`src/circle-of-${of}/a.ts`, source);
}
test.each([
  ['values', circle('values', `import { b } from './b.js';\nexport const a = b;\n`)],
  ['types', circle('types', `import type { b } from './b.js';\nexport type A = typeof b;\n`)],
])('lint refuses a circle of files that import %s', (_of, path) => {
  expect(foundIn(path)).toContain('import(no-cycle)');
});

const line = [
  put('src/line/a.ts', `import { b } from './b.js';\nimport { c } from './c.js';\nexport const a = b + c;\n`),
  put('src/line/b.ts', `import { c } from './c.js';\nexport const b = c;\n`),
  put('src/line/c.ts', 'export const c = 1;\n'),
];
test('lint allows that two files import a third', () => {
  expect(line.map(foundIn)).toEqual(['', '', '']);
});

const floors = ['src', 'middleware', 'routes', 'server'];

test.each(floors.map((floor) => [floor, put(`${floor}/long.ts`, lines(201))]))(
  'lint refuses a file of 201 lines in %s/',
  (_floor, path) => {
    expect(foundIn(path)).toContain('eslint(max-lines)');
  },
);

test.each(floors.map((floor) => [floor, put(`${floor}/long-function.ts`, functionOf(51))]))(
  'lint refuses a function of 51 lines in %s/',
  (_floor, path) => {
    expect(foundIn(path)).toContain('eslint(max-lines-per-function)');
  },
);

test.each([
  ['a file of 200 lines', put('src/room/file.ts', lines(200))],
  ['a function of 50 lines', put('src/room/function.ts', functionOf(50))],
  ['an options.ts of 201 lines', put('middleware/room/options.ts', lines(201))],
  ['a test of 201 lines', put('test/room.test.ts', lines(201))],
])('lint allows %s', (_what, path) => {
  expect(foundIn(path)).toBe('');
});

const longInOptions = put('middleware/other-room/options.ts', functionOf(51));
test('lint refuses a function of 51 lines in an options.ts', () => {
  expect(foundIn(longInOptions)).toContain('eslint(max-lines-per-function)');
});
