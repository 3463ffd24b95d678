import { expect, test } from 'vitest';
import { put, runBiome, useEmptyHouse } from './support/house.js';

useEmptyHouse();

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
test.each(['middleware', 'routes'].flatMap((floor) => redisCommands.map((command) => [floor, command])))(
  'lint refuses the Redis command in %s/: %s',
  async (floor, command) => {
    await put(`${floor}/command.ts`, `export const violation = () => ${command};\n`);
    const { passed, output } = await runBiome(`${floor}/command.ts`);
    expect(output).toContain('issues no Redis command');
    expect(passed).toBe(false);
  },
);

test.each([
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
])('lint refuses the SQL in routes/: %s', async (sql) => {
  await put('routes/sql.ts', `export const violation = () => ${sql};\n`);
  const { passed, output } = await runBiome('routes/sql.ts');
  expect(output).toContain('routes/ issue no SQL');
  expect(passed).toBe(false);
});

test('lint allows in routes/ code and sentences that only resemble a Redis command or SQL', async () => {
  const source = [
    'export const table = new Map<string, string>();',
    'export const found = (key: string) => table.get(key);',
    'export const open = (redis: unknown, connect: (it: unknown) => void) => connect(redis);',
    'export const page = (req: { query: string }) => req.query;',
    "export const hint = 'select a user, then update the name';",
    "export const advice = 'create an account, drop us a line, or truncate the list';",
    "export const more = ['truncate the list', 'with care', 'alter nothing', 'drop it'];",
    'export const bound = (it: () => void) => it.call(undefined);',
    'export const joined = (socket: { connect(): void }) => socket.connect();',
  ].join('\n');
  await put('routes/innocent.ts', `${source}\n`);
  expect(await runBiome('routes/innocent.ts')).toMatchObject({ passed: true });
});
test.each(
  ['src', 'middleware'].flatMap((floor) =>
    ['setTimeout(go, 1)', 'setImmediate(go)', 'clearInterval(1)', 'performance.now()'].map((call) => [
      floor,
      call,
    ]),
  ),
)('%s/ may not use the global %s, which fake timers of a test would stop', async (floor, call) => {
  await put(`${floor}/timer.ts`, `export const violation = (go: () => void) => [go, ${call}];\n`);
  const { passed, output } = await runBiome(`${floor}/timer.ts`);
  expect(output).toContain('src/timers.ts');
  expect(passed).toBe(false);
});
