import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { docsPages } from '../../scripts/docs-pages.js';
import { createTestDatabase } from '../support/postgres.js';
import { startRedis } from '../support/redis.js';
import { type BlocksProject, blocksOf, createBlocksProject } from './support/blocks-project.js';
import type { BlockProblem } from './support/run-blocks.js';
import type { RedisState } from './support/verdicts.js';

const root = join(__dirname, '../..');
const run = promisify(execFile);
const bin = (name: string) => join(root, 'node_modules/.bin', name);
const runner = join(__dirname, 'support/run-blocks.ts');
const all = docsPages().flatMap(blocksOf);
let project: BlocksProject;

beforeAll(async () => {
  project = await createBlocksProject(all);
});
afterAll(() => project.remove());

test('every TypeScript block of README and docs compiles', async () => {
  const typed = all.filter(({ file }) => file.endsWith('.ts'));
  expect(typed.length).toBeGreaterThan(25);
  const { stdout } = await run(bin('tsc'), { cwd: project.directory }).catch((failure) => failure);
  expect(stdout).toBe('');
}, 120_000);

// All blocks are one program to the compiler, so that what one of them declares is there for all.
test('every block declares the session properties that it uses', () => {
  const undeclared = all.flatMap(({ file, source }) => {
    const declared = source.match(/interface SessionData \{(.*?)\}/s)?.[1] ?? '';
    const used = [...source.matchAll(/\bsession\.(?!regenerate|destroy|save|reload|cookie)(\w+)/g)];
    return used.flatMap(([, name]) =>
      declared.includes(`${name}?:`) || file.endsWith('.mjs') ? [] : [`${file}: ${name}`],
    );
  });
  expect(undeclared).toEqual([]);
});

test('every block of README and docs runs', async () => {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  expect(await problemsOf(project, { state: 'there', redisUrl: redis.url })).toEqual([]);
}, 120_000);

test('while Redis is away no block ends its process, hangs or answers 500', async () => {
  expect(await problemsOf(project, { state: 'away', redisUrl: await refusingUrl() })).toEqual([]);
}, 120_000);

test('blocks that end their process, hang or answer 500 are found', async () => {
  const bad = await createBlocksProject(Object.entries(BAD).map(([file, source]) => ({ file, source })));
  onTestFinished(() => bad.remove());
  const found = await problemsOf(bad, { state: 'away', redisUrl: await refusingUrl(), deadlineMs: 2_000 });
  const problemsIn = (name: string) =>
    found.filter(({ file }) => file.includes(name)).map(({ problem }) => problem);
  const expected: Record<keyof typeof BAD, string> = {
    'rejects.ts': 'an unhandled rejection would end the process: Error: nobody catches this',
    'upgrades.ts': 'an unhandled rejection would end the process: ToolkitError',
    'awaits.ts': 'its top level fails: ToolkitError',
    'lists.ts': 'GET / of a stranger: 500',
    'waits.ts': 'its top level did not end',
    'hangs.ts': 'GET / of a stranger: Error: the answer did not end',
    'exports.ts': 'nobody calls its exports unknown',
  };
  for (const [file, problem] of Object.entries(expected)) {
    expect(problemsIn(file)).toContainEqual(expect.stringContaining(problem));
  }
}, 120_000);

const listening = 'app.listen(Number(process.env.PORT));';
const BAD = {
  'rejects.ts': "void Promise.reject(new Error('nobody catches this'));",
  'upgrades.ts': `
import { createServer } from 'node:http';
import { connectRedis, session } from 'express-redis-toolkit';
const sessions = session({ redis: connectRedis(), secret: process.env.SESSION_SECRET! });
const app = createServer();
app.on('upgrade', async (req, socket) => {
  const own = await sessions.load(req);
  if (!own) socket.end('HTTP/1.1 401 Unauthorized\\r\\n\\r\\n');
});
${listening}`,
  'awaits.ts': `
import { connectRedis, subscriber } from 'express-redis-toolkit';
await subscriber(connectRedis()).on('orders', () => {});`,
  'lists.ts': `
import express from 'express';
import { connectRedis, session } from 'express-redis-toolkit';
const sessions = session({ redis: connectRedis(), secret: process.env.SESSION_SECRET!, user: () => undefined });
const app = express().use(sessions);
app.get('/', async (req, res) => void res.json(await sessions.list((req.session as { userId?: string }).userId!)));
${listening}`,
  'waits.ts': 'await new Promise(() => {});',
  'hangs.ts': `
import express from 'express';
const app = express().get('/', () => {});
${listening}`,
  'exports.ts': 'export const unknown = () => {};',
};

interface Run {
  readonly state: RedisState;
  readonly redisUrl: string;
  readonly deadlineMs?: number;
}

/** Runs all blocks of a project in one process. */
async function problemsOf(
  { directory, blocks }: BlocksProject,
  { state, redisUrl, deadlineMs = 15_000 }: Run,
): Promise<BlockProblem[]> {
  const report = join(directory, `report-${state}.json`);
  const files = blocks.map(({ file }) => file);
  const { port } = new URL(redisUrl);
  const env = {
    ...process.env,
    REDIS_URL: redisUrl,
    REDIS_HOST: '127.0.0.1',
    REDIS_PORT: port,
    DATABASE_URL: await reportsDatabase(),
    SESSION_SECRET: 'a secret of 32 characters or more',
    PORT: '0',
  };
  const args = [bin('tsx'), runner, directory, report, state, String(deadlineMs), ...files];
  const { stderr } = await run(process.execPath, args, { cwd: directory, env });
  const written = await readFile(report, 'utf8').catch(() => `no report: ${stderr}`);
  return JSON.parse(written) as BlockProblem[];
}

/** The table that the example of withLock writes to. */
async function reportsDatabase(): Promise<string> {
  const database = await createTestDatabase();
  onTestFinished(() => database.drop());
  const sql = new Client(database.url);
  await sql.connect();
  await sql.query('CREATE TABLE reports (id int, body text, fencing bigint)');
  await sql.query("INSERT INTO reports VALUES (1, '', 0), (2, '', $1)", [Number.MAX_SAFE_INTEGER]);
  await sql.end();
  return database.url;
}

/** Where nobody listens. */
async function refusingUrl(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return `redis://127.0.0.1:${port}`;
}
