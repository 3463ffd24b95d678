import { expect, test } from 'vitest';
import { useLintedHouse } from './support/house.js';

const { put, putOnEach, foundIn } = useLintedHouse('biome');

const redisCommands = [
  `redis.get('key')`,
  `options.redis.set('key', 1)`,
  `options.redis?.del('key')`,
  `redis['incr']('key')`,
  `redis.pipeline().get('key').exec()`,
  `options.client!.eval('return 1', 0)`,
  `store.sendCommand(command)`,
  `store.call('GET', 'key')`,
  `deps.store.hset('key', 'field', 1)`,
  `store?.hgetall('key')`,
  `store['evalsha']('digest', 0)`,
  `open().zadd('key', 1, 'member')`,
  ...['multi', 'pipeline', 'eval', 'hget', 'unlink', 'pexpire', 'incr', 'mget', 'publish', 'subscribe'].map(
    (command) => `store.${command}('key')`,
  ),
];
test.each(putOnEach(['middleware', 'routes'], 'command.ts', redisCommands))(
  'lint refuses the Redis command in $floor/: $code',
  ({ path }) => {
    expect(foundIn(path)).toContain('issues no Redis command');
  },
);

const statements = [
  `pool.query('x')`,
  `'select id from users'`,
  `"DELETE FROM users"`,
  '`\n  SELECT *\n  FROM $' + '{table}`',
  'sql`insert into users values (1)`',
  `'update users set name = $1'`,
  `client.query(text)`,
  `pool.connect()`,
  `deps.database?.connect()`,
  `'DROP TABLE users'`,
  `'truncate users'`,
  `'TRUNCATE TABLE users CASCADE'`,
  `'alter table users add column role text'`,
  `'CREATE TABLE users (id int)'`,
  `'create unique index on users (email)'`,
  `'WITH old AS ( SELECT id FROM users ) SELECT * FROM old'`,
  '`with recursive t(n) as (\n  select 1\n) select n from t`',
];
test.each(putOnEach(['routes'], 'sql.ts', statements))(
  'lint refuses the SQL in $floor/: $code',
  ({ path }) => {
    expect(foundIn(path)).toContain('routes/ issue no SQL');
  },
);

const innocent = put(
  'routes/innocent.ts',
  [
    'export const table = new Map<string, string>();',
    'export const found = (key: string) => table.get(key);',
    'export const open = (redis: unknown, connect: (it: unknown) => void) => connect(redis);',
    'export const page = (req: { query: string }) => req.query;',
    "export const hint = 'select a user, then update the name';",
    "export const advice = 'create an account, drop us a line, or truncate the list';",
    "export const more = ['truncate the list', 'with care', 'alter nothing', 'drop it'];",
    'export const bound = (it: () => void) => it.call(undefined);',
    'export const joined = (socket: { connect(): void }) => socket.connect();',
  ].join('\n'),
);
test('lint allows in routes/ code and sentences that only resemble a Redis command or SQL', () => {
  expect(foundIn(innocent)).toBe('');
});

const timers = ['setTimeout(go, 1)', 'setImmediate(go)', 'clearInterval(1)', 'performance.now()'];
const usesTimer = (call: string) => `export const violation = (go: () => void) => [go, ${call}];\n`;
test.each(putOnEach(['src', 'middleware'], 'timer.ts', timers, usesTimer))(
  '$floor/ may not use the global $code, which fake timers of a test would stop',
  ({ path }) => {
    expect(foundIn(path)).toContain('src/timers.ts');
  },
);
