import { expect, test } from 'vitest';
import { useLintedHouse } from './support/house.js';

const { put, putOnEach, foundIn } = useLintedHouse('biome');

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
test.each(putOnEach(['middleware', 'routes'], 'hidden.ts', hiddenImports))(
  'lint refuses that $floor/ hides an import in $code',
  ({ path }) => {
    expect(foundIn(path)).toContain('import statement');
  },
);

const requires = (name: string) => `import it = require('${name}');\nexport const its = it;\n`;
test.each(putOnEach(['middleware', 'routes'], 'hidden.ts', ['ioredis', 'pg'], requires))(
  'lint refuses that $floor/ hides an import in "import … = require(\'$code\')"',
  ({ path }) => {
    expect(foundIn(path)).not.toBe('');
  },
);
