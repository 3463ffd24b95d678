import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = join(__dirname, '..');
let house: string;

beforeAll(async () => {
  house = await mkdtemp(join(tmpdir(), 'floors-'));
  for (const file of ['biome.json', '.oxlintrc.json', 'scripts/floors', 'tsconfig.json', 'package.json']) {
    await cp(join(root, file), join(house, file), { recursive: true });
  }
  await symlink(join(root, 'node_modules'), join(house, 'node_modules'));
});
afterAll(() => rm(house, { recursive: true, force: true }));

async function put(path: string, source: string): Promise<void> {
  await mkdir(dirname(join(house, path)), { recursive: true });
  await writeFile(join(house, path), source);
}

function run(command: string, ...args: string[]): Promise<{ passed: boolean; output: string }> {
  return new Promise((resolve) => {
    // oxlint finds its type checker on PATH, as it does under `npm run`.
    const path = `${join(root, 'node_modules/.bin')}:${process.env.PATH}`;
    const options = { cwd: house, env: { ...process.env, PATH: path } };
    execFile(command, args, options, (error, stdout, stderr) =>
      resolve({ passed: error === null, output: stdout + stderr }),
    );
  });
}

const lint = (path: string) => run('biome', 'lint', '--vcs-enabled=false', path);
const lintTypes = (path: string) => run('oxlint', '--type-aware', path);

const use = (specifier: string) => `import { it } from '${specifier}';\nexport const its = it;\n`;

const refusedImports: [floor: string, specifier: string, because: string][] = [
  ['src', 'express', 'src/ knows no Express'],
  ['src', '../middleware/session.js', 'middleware/ is above'],
  ['src', '../routes/users.js', 'routes/ is above'],
  ['src', '../server/app.js', 'server/ is above'],
  ['src', '../index.js', 'front door'],
  ['src', 'express-redis-toolkit', 'front door'],
  ['middleware', 'ioredis', 'issues no Redis command'],
  ['middleware', '../src/lua/take.js', 'issues no Redis command'],
  ['middleware', 'pg', 'issues no SQL'],
  ['middleware', '../routes/users.js', 'routes/ is above'],
  ['middleware', '../server/app.js', 'server/ is above'],
  ['middleware', '../index.js', 'front door'],
  ['routes', 'ioredis', 'issues no Redis command'],
  ['routes', '../src/lua/take.js', 'issues no Redis command'],
  ['routes', 'pg', 'routes/ issue no SQL'],
  ['routes', '../server/postgres.js', 'server/ is above'],
  ['routes', '../index.js', 'front door'],
];

test.each(refusedImports)('%s/ may not import %s', async (floor, specifier, because) => {
  await put(`${floor}/violation.ts`, use(specifier));
  const { passed, output } = await lint(`${floor}/violation.ts`);
  expect(output).toContain(because);
  expect(passed).toBe(false);
});

test.each([
  ['src', 'ioredis'],
  ['src', './keys.js'],
  ['middleware', 'express'],
  ['middleware', '../src/keys.js'],
  ['routes', '../middleware/session.js'],
  ['routes', '../src/redis.js'],
  ['server', '../routes/users.js'],
  ['server', '../index.js'],
])('%s/ may import %s', async (floor, specifier) => {
  await put(`${floor}/allowed.ts`, use(specifier));
  expect(await lint(`${floor}/allowed.ts`)).toMatchObject({ passed: true });
});

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
  '%s/ may not say %s',
  async (floor, command) => {
    await put(`${floor}/command.ts`, `export const violation = () => ${command};\n`);
    const { passed, output } = await lint(`${floor}/command.ts`);
    expect(output).toContain('issues no Redis command');
    expect(passed).toBe(false);
  },
);

test.each(
  ['src', 'middleware'].flatMap((floor) =>
    ['setTimeout(go, 1)', 'setImmediate(go)', 'clearInterval(1)', 'performance.now()'].map((call) => [
      floor,
      call,
    ]),
  ),
)('%s/ may not say %s, which fake timers of a test would stop', async (floor, call) => {
  await put(`${floor}/timer.ts`, `export const violation = (go: () => void) => [go, ${call}];\n`);
  const { passed, output } = await lint(`${floor}/timer.ts`);
  expect(output).toContain('src/timers.ts');
  expect(passed).toBe(false);
});

const hiddenImports = ['ioredis', 'pg'].flatMap((name) => [
  `require('${name}')`,
  `import('${name}')`,
  `createRequire(__filename)('${name}')`,
]);
test.each(['middleware', 'routes'].flatMap((floor) => hiddenImports.map((it) => [floor, it])))(
  '%s/ may not say %s',
  async (floor, hidden) => {
    await put(`${floor}/hidden.ts`, `export const violation = () => ${hidden};\n`);
    const { passed, output } = await lint(`${floor}/hidden.ts`);
    expect(output).toContain('import statement');
    expect(passed).toBe(false);
  },
);

test.each(['middleware', 'routes'].flatMap((floor) => ['ioredis', 'pg'].map((name) => [floor, name])))(
  '%s/ may not say import … = require(%s)',
  async (floor, name) => {
    await put(`${floor}/hidden.ts`, `import it = require('${name}');\nexport const its = it;\n`);
    expect(await lint(`${floor}/hidden.ts`)).toMatchObject({ passed: false });
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
])('routes/ may not say %s', async (sql) => {
  await put('routes/sql.ts', `export const violation = () => ${sql};\n`);
  const { passed, output } = await lint('routes/sql.ts');
  expect(output).toContain('routes/ issue no SQL');
  expect(passed).toBe(false);
});

test('what only looks like a command or SQL is let through', async () => {
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
  expect(await lint('routes/innocent.ts')).toMatchObject({ passed: true });
});

test.each([
  ['of ours', `async function save(): Promise<void> {}\nexport function go(): void {\n  save();\n}\n`],
  [
    'of ioredis',
    `import type { Redis } from 'ioredis';\nexport function go(redis: Redis): void {\n  redis.quit();\n}\n`,
  ],
  ['of Node', `import { rm } from 'node:fs/promises';\nexport function go(): void {\n  rm('x');\n}\n`],
])('a promise %s may not be left floating', async (_of, source) => {
  await put('src/floating.ts', source);
  const { passed, output } = await lintTypes('src/floating.ts');
  expect(output).toContain('no-floating-promises');
  expect(passed).toBe(false);
});

test('an awaited or voided promise is let through', async () => {
  const source = 'export async function save(): Promise<void> {}\nvoid save();\nsave().catch(() => {});\n';
  await put('src/settled.ts', source);
  expect(await lintTypes('src/settled.ts')).toMatchObject({ passed: true });
});
