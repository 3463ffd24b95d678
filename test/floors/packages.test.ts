import { expect, test } from 'vitest';
import { put, runBiome, useEmptyHouse } from './support/house.js';

useEmptyHouse();

const use = (specifier: string) => `import { it } from '${specifier}';\nexport const its = it;\n`;

test.each([
  ['src', 'express', 'src/ knows no Express'],
  ['src', 'express-serve-static-core', 'src/ knows no Express'],
  ['src', 'express-redis-toolkit', 'front door'],
  ['middleware', 'ioredis', 'issues no Redis command'],
  ['middleware', '../src/lua/take.js', 'issues no Redis command'],
  ['middleware', 'pg', 'issues no SQL'],
  ['middleware', 'express-redis-toolkit', 'front door'],
  ['routes', 'ioredis', 'issues no Redis command'],
  ['routes', '../src/lua/take.js', 'issues no Redis command'],
  ['routes', 'pg', 'routes/ issue no SQL'],
  ['routes', 'express-redis-toolkit', 'front door'],
])('lint refuses that %s/ imports %s', async (floor, specifier, because) => {
  await put(`${floor}/violation.ts`, use(specifier));
  const { passed, output } = await runBiome(`${floor}/violation.ts`);
  expect(output).toContain(because);
  expect(passed).toBe(false);
});

test.each([
  ['src', 'ioredis'],
  ['middleware', 'express'],
  ['routes', 'express'],
  ['server', 'pg'],
  ['server', 'ioredis'],
])('lint allows that %s/ imports %s', async (floor, specifier) => {
  await put(`${floor}/allowed.ts`, use(specifier));
  expect(await runBiome(`${floor}/allowed.ts`)).toMatchObject({ passed: true });
});

const hiddenImports = ['ioredis', 'pg'].flatMap((name) => [
  `require('${name}')`,
  `import('${name}')`,
  `createRequire(__filename)('${name}')`,
]);
test.each(['middleware', 'routes'].flatMap((floor) => hiddenImports.map((it) => [floor, it])))(
  'lint refuses that %s/ hides an import in %s',
  async (floor, hidden) => {
    await put(`${floor}/hidden.ts`, `export const violation = () => ${hidden};\n`);
    const { passed, output } = await runBiome(`${floor}/hidden.ts`);
    expect(output).toContain('import statement');
    expect(passed).toBe(false);
  },
);

test.each(['middleware', 'routes'].flatMap((floor) => ['ioredis', 'pg'].map((name) => [floor, name])))(
  'lint refuses that %s/ hides an import in "import … = require(\'%s\')"',
  async (floor, name) => {
    await put(`${floor}/hidden.ts`, `import it = require('${name}');\nexport const its = it;\n`);
    expect(await runBiome(`${floor}/hidden.ts`)).toMatchObject({ passed: false });
  },
);
