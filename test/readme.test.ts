import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { createTestDatabase } from './support/postgres.js';
import { startRedis } from './support/redis.js';

const root = join(__dirname, '..');
const bin = (name: string) => join(root, 'node_modules/.bin', name);
const compilerOptions = {
  paths: { 'express-redis-toolkit': [join(root, 'index.ts')] },
  types: ['node'],
};
let project: string;
let sources: string[];
let blocks: string[];

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'readme-'));
  await symlink(join(root, 'node_modules'), join(project, 'node_modules'));
  await writeFile(join(project, 'package.json'), '{ "type": "module" }');
  const tsconfig = { extends: join(root, 'tsconfig.json'), compilerOptions, include: ['*.ts'] };
  await writeFile(join(project, 'tsconfig.json'), JSON.stringify(tsconfig));
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  sources = [...readme.matchAll(/^```ts\n(.*?)^```/gms)].map(([, source = '']) => source);
  blocks = sources.map((_source, index) => join(project, `block-${index}.ts`));
  await Promise.all(sources.map((source, index) => writeFile(blocks[index]!, source)));
});
afterAll(() => rm(project, { recursive: true, force: true }));

test('every TypeScript block of the README compiles', async () => {
  expect(blocks.length).toBeGreaterThan(2);
  const { stdout } = await promisify(execFile)(bin('tsc'), { cwd: project }).catch((failure) => failure);
  expect(stdout).toBe('');
}, 60_000);

test('the quick start runs: a miss, a hit, a change, and a fresh answer', async () => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/users/1`;
  const env = {
    ...process.env,
    REDIS_URL: inject('redisUrl'),
    SESSION_SECRET: 'a secret',
    PORT: String(port),
  };
  const app = spawn(process.execPath, [bin('tsx'), blocks[0]!], { cwd: project, env, stdio: 'pipe' });
  try {
    await listening(app, port);
    const read = async () => {
      const answer = await fetch(url);
      return [answer.headers.get('cache-status'), await answer.json()];
    };
    // Other tests share this Redis and may have cached the same URL, so the first answer proves nothing.
    await patch(url, 'Ada');
    expect(await read()).toEqual([expect.stringContaining('fwd='), { id: '1', name: 'Ada' }]);
    // The answer does not wait for the store.
    await expect.poll(read).toEqual([expect.stringContaining('hit'), { id: '1', name: 'Ada' }]);
    expect(await patch(url, 'Ada Lovelace')).toBe(200);
    expect(await read()).toEqual([expect.stringContaining('fwd='), { id: '1', name: 'Ada Lovelace' }]);
  } finally {
    app.kill();
    await once(app, 'exit');
  }
}, 30_000);

test('the example of messages runs', async () => {
  const block = blocks[sources.findIndex((source) => source.includes('publisher<'))]!;
  const env = { ...process.env, REDIS_URL: inject('redisUrl') };
  const example = spawn(process.execPath, [bin('tsx'), block], { cwd: project, env, stdio: 'pipe' });
  let output = '';
  for (const stream of [example.stdout, example.stderr]) stream.on('data', (chunk) => (output += chunk));
  try {
    // It goes on listening for a minute.
    await expect.poll(() => output, { timeout: 15_000 }).toContain('taken 7');
    expect(output.split('\n').sort()).toEqual(['', 'handled 7', 'taken 7']);
  } finally {
    example.kill();
    await once(example, 'exit');
  }
}, 30_000);

test('the lock example runs: an older holder does not overwrite what a newer one wrote', async () => {
  const database = await createTestDatabase();
  const sql = new Client(database.url);
  await sql.connect();
  try {
    await sql.query('CREATE TABLE reports (id int, body text, fencing bigint)');
    await sql.query("INSERT INTO reports VALUES (1, '', 0), (2, '', $1)", [Number.MAX_SAFE_INTEGER]);
    const env = { REDIS_URL: inject('redisUrl'), DATABASE_URL: database.url };
    const written = await runWith('withLock(', env, (block) => [
      `import { rebuildReport } from '${block}';`,
      `const write = (id: number) => rebuildReport(id, async () => 'a body');`,
      `console.log(JSON.stringify([await write(1), await write(2)]));`,
      'process.exit();',
    ]);
    expect(JSON.parse(written)).toEqual([true, false]);
    expect((await sql.query('SELECT body FROM reports ORDER BY id')).rows).toEqual([
      { body: 'a body' },
      { body: '' },
    ]);
  } finally {
    await sql.end();
    await database.drop();
  }
}, 30_000);

test('the NestJS example runs: its middlewares are in front of the application, and it ends with it', async () => {
  const env = { REDIS_URL: inject('redisUrl'), SESSION_SECRET: 'a secret' };
  const printed = await runWith('class CacheModule', env, (block) => [
    "import 'reflect-metadata';",
    "import { NestFactory } from '@nestjs/core';",
    `import { CacheModule, middlewares } from '${block}';`,
    'const app = await NestFactory.create(CacheModule, { logger: false });',
    "await app.use(middlewares()).listen(0, '127.0.0.1');",
    'const { status, headers } = await fetch(await app.getUrl());',
    "console.log(JSON.stringify([status, headers.has('ratelimit')]));",
    'await app.close();',
  ]);
  expect(JSON.parse(printed)).toEqual([404, true]);
}, 30_000);

test('the job queue example runs: the worker is handed what was enqueued', async () => {
  const redis = await startRedis();
  try {
    const printed = await runWith('new Queue(', { REDIS_URL: redis.url }, (block) => [
      `import { enqueue, work } from '${block}';`,
      'const handled = new Promise<string>((resolve) => {',
      '  work(async (userId) => resolve(userId));',
      '});',
      // In its first moments the queue is not connected.
      'const inTime = Date.now() + 15_000;',
      'const retry = (error: unknown) => {',
      '  if (Date.now() > inTime) throw error;',
      '};',
      "while (!(await enqueue('7').catch(retry))) await new Promise(setImmediate);",
      'console.log(await handled);',
      'process.exit();',
    ]);
    expect(printed).toBe('7\n');
  } finally {
    await redis.stop();
  }
}, 30_000);

/** Runs a program that uses the block in which this text is, and answers what it prints. */
async function runWith(
  text: string,
  env: Record<string, string>,
  program: (block: string) => string[],
): Promise<string> {
  const sources = await Promise.all(blocks.map((block) => readFile(block, 'utf8')));
  const block = basename(blocks[sources.findIndex((source) => source.includes(text))]!, '.ts');
  const file = join(project, `run-${block}.ts`);
  await writeFile(file, program(`./${block}.js`).join('\n'));
  const run = promisify(execFile)(process.execPath, [bin('tsx'), file], {
    cwd: project,
    env: { ...process.env, ...env },
  });
  return (await run).stdout;
}

async function patch(url: string, name: string): Promise<number> {
  const headers = { 'Content-Type': 'application/json' };
  const answer = await fetch(url, { method: 'PATCH', headers, body: JSON.stringify({ name }) });
  return answer.status;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

async function listening(app: ChildProcess, port: number): Promise<void> {
  let complaints = '';
  app.stderr?.on('data', (chunk) => {
    complaints += chunk;
  });
  while (app.exitCode === null) {
    try {
      await fetch(`http://127.0.0.1:${port}/`);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  throw new Error(`the quick start ended before it listened: ${complaints}`);
}
