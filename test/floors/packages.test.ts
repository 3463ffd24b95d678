import { expect, test } from 'vitest';
import { useLintedHouse } from './support/house.js';

const { put, foundIn } = useLintedHouse('biome');

const use = (specifier: string) => `import { it } from '${specifier}';\nexport const its = it;\n`;

const refused = [
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
] as const;
test.each(
  refused.map(([floor, specifier, because]) => ({
    floor,
    specifier,
    because,
    path: put(`${floor}/violation.ts`, use(specifier)),
  })),
)('lint refuses that $floor/ imports $specifier', ({ because, path }) => {
  expect(foundIn(path)).toContain(because);
});

const allowed = [
  ['src', 'ioredis'],
  ['middleware', 'express'],
  ['routes', 'express'],
  ['server', 'pg'],
  ['server', 'ioredis'],
] as const;
test.each(
  allowed.map(([floor, specifier]) => ({
    floor,
    specifier,
    path: put(`${floor}/allowed.ts`, use(specifier)),
  })),
)('lint allows that $floor/ imports $specifier', ({ path }) => {
  expect(foundIn(path)).toBe('');
});

const hiddenImports = ['ioredis', 'pg'].flatMap((name) => [
  `require('${name}')`,
  `import('${name}')`,
  `createRequire(__filename)('${name}')`,
]);
test.each(
  ['middleware', 'routes'].flatMap((floor) =>
    hiddenImports.map((hidden) => ({
      floor,
      hidden,
      path: put(`${floor}/hidden.ts`, `export const violation = () => ${hidden};\n`),
    })),
  ),
)('lint refuses that $floor/ hides an import in $hidden', ({ path }) => {
  expect(foundIn(path)).toContain('import statement');
});

test.each(
  ['middleware', 'routes'].flatMap((floor) =>
    ['ioredis', 'pg'].map((name) => ({
      floor,
      name,
      path: put(`${floor}/hidden.ts`, `import it = require('${name}');\nexport const its = it;\n`),
    })),
  ),
)('lint refuses that $floor/ hides an import in "import … = require(\'$name\')"', ({ path }) => {
  expect(foundIn(path)).not.toBe('');
});
