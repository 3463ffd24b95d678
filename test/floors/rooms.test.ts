import { expect, test } from 'vitest';
import { breachesIn } from '../../scripts/floors/rooms.js';

const use = (specifier: string) => `import { it } from '${specifier}';\nexport const its = it;\n`;
const lint = (...files: [path: string, source: string][]) => breachesIn(new Map(files));

test.each([
  ['src/violation.ts', '../middleware/session/index.js', 'src may import src'],
  ['src/violation.ts', '../routes/users.js', 'src may import src'],
  ['src/violation.ts', '../server/app.js', 'src may import src'],
  ['src/violation.ts', '../test/support/redis.js', 'src may import src'],
  ['src/violation.ts', '../index.js', 'src may import src'],
  ['src/locks/violation.ts', '../..', 'src may import src'],
  ['middleware/violation.ts', '../routes/users.js', 'middleware may import src, middleware'],
  ['middleware/violation.ts', '../server/app.js', 'middleware may import src, middleware'],
  ['middleware/session/violation.ts', '../../index.js', 'middleware may import src, middleware'],
  ['routes/violation.ts', '../server/postgres.js', 'routes may import src, middleware, routes'],
  ['routes/violation.ts', '../index.js', 'routes may import src, middleware, routes'],
  ['index.ts', './routes/users.js', 'neighbours) may import src, middleware'],
  ['testing.ts', './server/app.js', 'neighbours) may import src, middleware'],
])('lint refuses an import that goes up: %s of %s', (path, specifier, because) => {
  const breaches = lint([path, `export { it } from '${specifier}';\n`]);
  expect(breaches).toEqual([expect.stringContaining(because)]);
  expect(breaches[0]).toMatch(new RegExp(`^${path} imports .*: imports go down only`));
});

test.each([
  ['middleware/session/violation.ts', '../../src/sessions/session-store.js', 'src/sessions/index.ts'],
  ['middleware/cache/violation.ts', '../session/session.js', 'middleware/session/index.ts'],
  ['middleware/violation.ts', './session/session.js', 'middleware/session/index.ts'],
  ['src/cache/violation.ts', '../tags/tag-versions', 'src/tags/index.ts'],
  ['src/cache-aside/violation.ts', '../cache/near/index.js', 'src/cache/index.ts'],
  ['middleware/cache/violation.ts', '../../src/cache/near/options.js', 'src/cache/index.ts'],
  ['routes/violation.ts', '../middleware/session/cookie/cookie.js', 'middleware/session/index.ts'],
  ['server/violation.ts', '../src/redis/link.js', 'src/redis/index.ts'],
  ['index.ts', './src/redis/connect.js', 'src/redis/index.ts'],
  ['bench/apps/violation.ts', '../../src/redis/link.js', 'src/redis/index.ts'],
  ['examples/violation.ts', '../src/redis/link.js', 'src/redis/index.ts'],
])('lint refuses an import past the door of a room: %s of %s', (path, specifier, door) => {
  const breaches = lint([path, `export { it } from '${specifier}';\n`]);
  expect(breaches).toEqual([expect.stringContaining(`a room is entered by its door: import ${door}`)]);
  expect(breaches[0]).toMatch(new RegExp(`^${path} imports `));
});

test.each([
  ['an export', `export { it } from '../tags/tag-versions.js';`],
  ['an import of types', `import type { It } from '../tags/tag-versions.js';`],
  ['an import for its effects', `import '../tags/tag-versions.js';`],
  ['a dynamic import', `export const it = () => import('../tags/tag-versions.js');`],
  ['a type of an import', `export type It = typeof import('../tags/tag-versions.js');`],
  ['a require', `export const it = require('../tags/tag-versions.js');`],
  ['an import of require', `import it = require('../tags/tag-versions.js');`],
  ['an augmented module', `declare module '../tags/tag-versions.js' {}`],
  ['an import over several lines', `import {\n  it,\n} from '../tags/tag-versions.js';`],
])('lint finds the file that is imported by %s', (_form, source) => {
  expect(lint(['src/cache/violation.ts', source])).toEqual([
    expect.stringContaining('src/cache/violation.ts imports src/tags/tag-versions.ts'),
  ]);
});

test('lint does not take a comment for an import', () => {
  const source = `/**\n * import { it } from '../tags/tag-versions.js'\n */\n// from '../tags/tag-versions.js'\n`;
  expect(lint(['src/cache/comment.ts', source])).toEqual([]);
});

test.each([
  ['src/locks/violation.ts', './index.js'],
  ['src/locks/violation.ts', '.'],
  ['src/cache/near/violation.ts', '../index.js'],
  ['middleware/session/cookie/violation.ts', '..'],
])('lint refuses that a file imports the door of its own room: %s of %s', (path, specifier) => {
  const door = `${path.split('/').slice(0, 2).join('/')}/index.ts`;
  expect(lint([path, use(specifier)], [door, ''])).toEqual([
    `${path} imports ${door}: a room does not use its own door: import the file behind it`,
  ]);
});

test.each([
  ['src/keys.ts', './redis/index.js', 'a word may not use redis'],
  ['src/keys.ts', './http/vary.js', 'a word may not use http'],
  ['src/http/vary.ts', '../redis/index.js', 'http may not use redis'],
  ['src/redis/link.ts', '../subscriptions/index.js', 'redis may not use subscriptions'],
  ['src/limits/quota.ts', '../tags/index.js', 'limits may not use tags'],
  ['src/tags/mutation.ts', '../cache/index.js', 'tags may not use cache'],
  ['src/cache/record.ts', '../single-flight/index.js', 'cache may not use single-flight'],
  ['src/single-flight/lease.ts', '../cache-aside/index.js', 'single-flight may not use cache-aside'],
  ['middleware/request-state.ts', './stack/index.js', 'a word may not use stack'],
  ['middleware/stack/stack.ts', '../response/index.js', 'stack may not use response'],
  ['middleware/response/hold.ts', '../session/index.js', 'response may not use session'],
  ['middleware/session/session.ts', '../rate-limit/index.js', 'session may not use rate-limit'],
  ['middleware/session/session.ts', '../cache/index.js', 'session may not use cache'],
])('lint refuses an import against the order of the rooms: %s of %s', (path, specifier, because) => {
  const breaches = lint([path, use(specifier)]);
  expect(breaches).toEqual([expect.stringContaining(`: ${because}: move what both need`)]);
  expect(breaches[0]).toMatch(new RegExp(`^${path} imports `));
});

test.each([
  ['src/redis/link.ts', '../keys.js'],
  ['src/redis/link.ts', './servers/servers.js'],
  ['src/redis/servers/servers.ts', '../client.js'],
  ['src/cache/near/near-cache.ts', '../../tags/index.js'],
  ['src/cache/record.ts', '../http/vary.js'],
  ['src/cache-aside/cache-aside.ts', '../single-flight/index.js'],
  ['middleware/session/session.ts', '../../src/errors.js'],
  ['middleware/session/session.ts', '../../src/sessions/index.js'],
  ['middleware/session/session.ts', '../request-state.js'],
  ['middleware/cache/name-entry.ts', '../session/index.js'],
  ['middleware/cache/hit-or-handler.ts', '../../src/http/vary.js'],
  ['routes/users.ts', '../middleware/session/index.js'],
  ['routes/users.ts', '../src/redis/index.js'],
  ['server/app.ts', '../routes/users.js'],
  ['server/app.ts', '../index.js'],
  ['server/app.ts', './services/start-services.js'],
  ['scripts/write-reference.ts', '../src/errors.js'],
  ['bench/main.ts', '../index.js'],
])('lint allows that %s imports %s', (path, specifier) => {
  expect(lint([path, use(specifier)])).toEqual([]);
});
