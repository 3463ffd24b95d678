import { expect, test } from 'vitest';
import { breachesIn } from '../../scripts/floors/rooms.js';
import { put, run, useEmptyHouse } from './support/house.js';

useEmptyHouse();

const lint = (...files: [path: string, source: string][]) => breachesIn(new Map(files));

test.each([
  ['a constant', `export const it = 1;\n`],
  ['a function', `export function it(): void {}\n`],
  ['a statement', `export { it } from './lease.js';\nit();\n`],
  ['an import', `import { it } from './lease.js';\nexport { it };\n`],
  ['an export of everything', `export * from './lease.js';\n`],
])('lint refuses a door that holds %s', (_what, source) => {
  const breach =
    'src/locks/index.ts: a door holds only "export { … } from": move the rest into a file of its own';
  expect(lint(['src/locks/index.ts', source])).toEqual([breach]);
});

test('lint refuses a front door that holds a constant', () => {
  expect(lint(['index.ts', 'export const it = 1;\n'])).toEqual([
    expect.stringContaining('index.ts: a door holds'),
  ]);
});

test('lint refuses a door of a folder inside a room', () => {
  expect(lint(['src/cache/near/index.ts', `export { it } from './options.js';\n`])).toEqual([
    'src/cache/near/index.ts: a folder inside a room has no door: import its files',
  ]);
});

test.each(['src/attic', 'src/lua', 'middleware/attic'])(
  'lint refuses %s/, a room without a place in the order',
  (room) => {
    expect(lint([`${room}/it.ts`, ''])).toEqual([
      `${room}/it.ts: ${room} has no place in the order: add it to scripts/floors/rooms.ts`,
    ]);
  },
);

test('lint allows a door with exports of values and types, and a comment', () => {
  const source = `// Locks.\nexport type { A } from './a.js';\nexport {\n  type B,\n  b,\n} from './b.js';\n`;
  expect(
    lint(['src/locks/index.ts', source], ['index.ts', `export { b } from './src/locks/index.js';\n`]),
  ).toEqual([]);
});

test('lint allows an index.ts with code where there are no rooms', () => {
  expect(lint(['examples/jobs/index.ts', 'export const it = 1;\n'])).toEqual([]);
});

test.each([
  ['type', 'type Twice = string;', 'export type Twice<T> = T[];'],
  ['interface', 'interface Twice {}', 'export interface Twice {\n  a: 1;\n}'],
  ['class', 'class Twice {}', 'export abstract class Twice {}'],
  ['type and a class', 'type Twice = string;', 'export class Twice {}'],
  ['function', 'function Twice(): void {}', 'export async function Twice(): Promise<void> {}'],
  ['generator', 'function* Twice() {}', 'export async function* Twice() {}'],
  ['arrow function', 'const Twice = () => 1;', 'export const Twice = async (a: 1) => a;'],
  [
    'arrow function over several lines',
    'const Twice = (\n  a: 1,\n) => a;',
    'const Twice =\n  (a: 1) =>\n  () =>\n    a;',
  ],
  [
    'arrow function with a type',
    'const Twice: (a: 1) => 1 = (a) => a;',
    'const Twice: () => void = function () {};',
  ],
  ['generic arrow function', 'const Twice = <T>(a: T) => a;', 'const Twice = a => a;'],
])('lint refuses two files that declare one name for a %s', (_kind, one, other) => {
  expect(lint(['src/locks/one.ts', `${one}\n`], ['middleware/cache/other.ts', `${other}\n`])).toEqual([
    'src/locks/one.ts, middleware/cache/other.ts each declare Twice: rename it, or import it',
  ]);
});

test.each([
  ['constants that are no functions', 'const twice = { a: 1 };', 'const twice = [1];'],
  [
    'functions inside functions',
    'function a() {\n  function twice() {}\n}',
    'function b() {\n  const twice = () => 1;\n}',
  ],
  ['a function and a comment', 'function twice() {}', '/*\nfunction twice() {}\n*/'],
  [
    'fields of an augmented interface',
    `declare module '../../middleware/request-state.js' {\n  interface Twice {}\n}`,
    'interface Twice {}',
  ],
])('lint allows that two files have one name for %s', (_kind, one, other) => {
  expect(
    lint(['middleware/cache/one.ts', `${one}\n`], ['middleware/session/other.ts', `${other}\n`]),
  ).toEqual([]);
});

test('lint allows overloads of a function in one file', () => {
  expect(lint(['src/locks/one.ts', 'function it(): void;\nfunction it(a?: 1): void {}\n'])).toEqual([]);
});

test('lint refuses that a file of routes/ or server/ declares a name of another file', () => {
  const source = 'function it() {}\n';
  expect(lint(['routes/one.ts', source], ['server/other.ts', source], ['src/locks/it.ts', source])).toEqual([
    'routes/one.ts, server/other.ts, src/locks/it.ts each declare it: rename it, or import it',
  ]);
});

test('lint allows that two examples declare one name', () => {
  const source = 'function main() {}\n';
  expect(lint(['examples/jobs/main.ts', source], ['server/main.ts', source])).toEqual([]);
});

test('check-rooms prints each breach of a project and fails, and passes once it is mended', async () => {
  await put('src/keys.ts', `export { it } from './redis/link.js';\n`);
  await put('src/redis/link.ts', 'export const it = 1;\n');
  await put('test/src/keys.test.ts', `import '../../src/redis/link.js';\n`);
  const broken = await run('tsx', 'scripts/floors/check-rooms.ts');
  expect(broken.output).toContain('src/keys.ts imports src/redis/link.ts: a room is entered by its door');
  expect(broken.passed).toBe(false);
  await put('src/keys.ts', 'export const key = 1;\n');
  expect(await run('tsx', 'scripts/floors/check-rooms.ts')).toMatchObject({ passed: true });
});

test('npm run lint runs Biome, oxlint with types and check-rooms', async () => {
  const { lint: script } = (await import('../../package.json')).default.scripts;
  for (const step of ['biome check', 'oxlint --type-aware', 'check-rooms.ts']) expect(script).toContain(step);
});
