import { spawn } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import express from 'express';
import { expect, onTestFinished, test } from 'vitest';
import { cacheResponse } from '../../../middleware/cache/index.js';
import { ops } from '../../../middleware/ops/index.js';
import { rateLimit } from '../../../middleware/rate-limit/index.js';
import { session } from '../../../middleware/session/index.js';
import { run } from '../../../src/cli/run.js';
import { withLock } from '../../../src/locks/index.js';
import { closeRedis, connectRedis } from '../../../src/redis/index.js';
import { quiet, redisForFile, serve } from '../../middleware/support/redis-for-file.js';
import { gate } from '../../support/gate.js';
import { startRedis } from '../../support/redis.js';

const file = redisForFile();
let prefixes = 0;

/** Runs a command line; `answer` is what the person at the terminal says. */
async function cli(line: string, { answer = false, url = file.server.url } = {}) {
  let [out, err] = ['', ''];
  const questions: string[] = [];
  const streams = {
    out: (text: string) => {
      out += text;
    },
    err: (text: string) => {
      err += text;
    },
  };
  const code = await run(['--redis', url, ...line.split(' ').filter(Boolean)], streams, async (question) => {
    questions.push(question);
    return answer;
  });
  return { code, out, err, questions };
}

/** An app with a limiter, sessions, a cache and ops. */
async function app() {
  const prefix = `cli-${++prefixes}:`;
  const { redis } = file;
  const common = { redis, prefix, logger: quiet };
  const served = express();
  served.use('/ops', ops({ ...common, authorize: () => true }));
  const keyGenerator = (req: express.Request) => req.get('x-client') ?? 'me';
  const limiter = rateLimit({ ...common, identifier: 'login', limit: 2, keyGenerator });
  served.get('/limited', limiter, (_req, res) => void res.send('ok'));
  const user = (data: object) => (data as { userId?: string }).userId;
  served.use(session({ ...common, secret: 'a secret of at least 32 characters', user }));
  served.get('/login', (req, res) => {
    (req.session as { userId?: string }).userId = '7';
    res.send('ok');
  });
  let made = 0;
  served.get('/cached', cacheResponse({ ...common, ttlSeconds: 60, tags: () => ['thing'] }), (_req, res) => {
    made += 1;
    res.send(`answer ${made}`);
  });
  const url = await serve(served);
  const get = async (path: string, headers = {}) => {
    const response = await fetch(url + path, { headers });
    return { status: response.status, text: await response.text() };
  };
  return { prefix, url, get, options: `--prefix ${prefix}` };
}

test('limits list shows the limiters that processes report', async () => {
  const { options, prefix } = await app();
  const { code, out } = await cli(`limits list ${options}`);
  expect(code).toBe(0);
  expect(out).toContain(`${prefix}login/1m`);
  expect(out).toContain('2 per 60 s');
});

test('limits show, block, unblock and reset a client of the only limiter', async () => {
  const { options, get } = await app();
  await get('/limited');
  expect((await cli(`limits show me ${options}`)).out).toMatch(/login\s+1\s+2\s+60 s\s+no/);
  expect(await cli(`limits block me 10m ${options}`)).toMatchObject({ code: 0 });
  expect((await get('/limited')).status).toBe(429);
  expect((await cli(`limits show ${options}`)).out).toMatch(/login\/1m +me +10 min/);
  const { out } = await cli(`limits show me --json ${options}`);
  expect(JSON.parse(out)).toMatchObject([{ client: 'me', quotas: [{ used: 1, limit: 2 }] }]);
  expect(JSON.parse(out)[0].blockedMs).toBeGreaterThan(590_000);
  expect(await cli(`limits unblock me ${options}`)).toMatchObject({ code: 0 });
  expect(await cli(`limits unblock me ${options}`)).toMatchObject({ code: 1 });
  expect(await cli(`limits show ${options}`)).toMatchObject({ code: 1, out: 'Nobody is blocked.\n' });
  expect(await cli(`limits reset me ${options}`)).toMatchObject({ code: 0 });
  expect((await cli(`limits show me ${options}`)).out).toMatch(/login\s+0\s/);
});

test('what is done on the command line is published by one process, with the person at the terminal', async () => {
  const { options, prefix } = await app();
  const events: unknown[] = [];
  const note = (event: unknown) => void events.push(event);
  subscribe('express-redis-toolkit:audit', note);
  onTestFinished(() => void unsubscribe('express-redis-toolkit:audit', note));
  const actor = `${userInfo().username}@${hostname()}`;
  const common = { actor, outcome: 'done', at: expect.any(String) };
  const on = { limiter: `${prefix}login/1m`, client: 'me' };
  expect(await cli(`limits block me 90s ${options}`)).toMatchObject({ code: 0, err: '' });
  expect(await cli(`sessions end 7 ${options}`)).toMatchObject({ err: '' });
  expect(await cli(`cache purge --tag a ${options}`)).toMatchObject({ err: '' });
  await expect.poll(() => events).toHaveLength(3);
  expect(events).toEqual([
    { ...common, action: 'limits/block', on: { ...on, seconds: 90 } },
    { ...common, action: 'sessions/end', on: { user: '7' } },
    { ...common, action: 'cache/purge', on: { tags: ['a'], urls: [], keys: [] } },
  ]);
  await file.redis.publish(`${prefix}ops-process:none`, 'x');
  const [channel] = (await file.redis.pubsub('CHANNELS', `${prefix}ops-process:*`)) as string[];
  for (const forged of [
    '',
    '{',
    'null',
    '{"action":"x"}',
    '{"action":{},"actor":"x","on":{},"outcome":"done"}',
  ])
    expect(await file.redis.publish(channel!, forged)).toBe(1);
  const nobody = await cli('cache purge --tag a --prefix nobody:');
  expect(nobody).toMatchObject({ code: 0, err: expect.stringContaining('in no audit log') });
  expect(events).toHaveLength(4);
  expect(events[3]).toMatchObject({ ...common, action: 'cache/purge' });
});

test('a limit is found by its name while no process reports', async () => {
  const { redis } = file;
  const limiter = rateLimit({
    redis,
    prefix: 'alone:',
    identifier: 'burst',
    windowMs: 1_500,
    limit: 9,
    algorithm: 'token-bucket',
    logger: quiet,
  });
  const line = '--prefix alone: --limiter burst/1500ms/token-bucket';
  expect((await cli(`limits show me ${line.replace('token', 'tokn')}`)).code).toBe(2);
  expect((await cli('limits show me --prefix alone:')).err).toContain('name one with --limiter');
  expect(await cli(`limits block me 1h ${line}`)).toMatchObject({ code: 0 });
  const { policies } = await limiter.peek('me');
  expect(policies[0]?.remaining).toBe(0);
});

test('sessions list and end; more than one only after a confirmation', async () => {
  const { options, get } = await app();
  for (let i = 0; i < 3; i++) await get('/login');
  const list = async () => JSON.parse((await cli(`sessions list 7 --json ${options}`)).out);
  const [first] = await list();
  expect(await cli(`sessions end 7 ${first.handle} ${options}`)).toMatchObject({ code: 0, questions: [] });
  const refused = await cli(`sessions end 7 ${options}`);
  expect(refused).toMatchObject({ code: 4, questions: ['End 2 sessions of 7?'] });
  expect(await list()).toHaveLength(2);
  expect(await cli(`sessions end 7 ${options}`, { answer: true })).toMatchObject({
    code: 0,
    out: '2 ended.\n',
  });
  expect(await cli(`sessions end 7 ${options} --yes`)).toMatchObject({ code: 1, questions: [] });
  expect(await cli(`sessions list 7 ${options}`)).toMatchObject({ code: 1, out: 'No session.\n' });
});

test('cache show and purge; more than one only after a confirmation', async () => {
  const { options, get, url } = await app();
  expect((await get('/cached')).text).toBe('answer 1');
  const shown = await cli(`cache show ${url}/cached ${options}`);
  expect(shown.code).toBe(0);
  expect(shown.out).toMatch(/status 200, 8 bytes, age .*\n {2}is served\n/);
  expect((await cli(`cache purge --tag thing ${options}`)).code).toBe(0);
  expect((await cli(`cache show ${url}/cached ${options}`)).out).toContain(
    'is not served: the tag thing was invalidated',
  );
  expect((await get('/cached')).text).toBe('answer 2');
  expect(await cli(`cache purge --url cached ${options}`)).toMatchObject({ code: 2 });
  const several = `cache purge --tag thing --url /cached ${options}`;
  expect(await cli(several)).toMatchObject({ code: 4, questions: ['Purge 2 tags, URLs and keys?'] });
  expect(await cli(`cache purge --all ${options}`)).toMatchObject({ code: 4 });
  expect((await get('/cached')).text).toBe('answer 2');
  expect(await cli(`cache purge --all ${options}`, { answer: true })).toMatchObject({ code: 0 });
  expect((await get('/cached')).text).toBe('answer 3');
  expect(await cli(`cache show ${url}/elsewhere ${options}`)).toMatchObject({ code: 1 });
});

test('locks list shows the locks that are held, of this prefix alone', async () => {
  const held = gate();
  const locked = withLock(file.redis, 'report:7', { ttlMs: 10_000, prefix: 'a*b:' }, () => held.passed);
  const other = withLock(file.redis, 'report:8', { ttlMs: 10_000, prefix: 'a-b:' }, () => held.passed);
  await expect.poll(() => file.redis.exists('a*b:lock:report:7', 'a-b:lock:report:8')).toBe(2);
  const { out } = await cli('locks list --json --prefix a*b:');
  expect(JSON.parse(out)).toEqual([{ resource: 'report:7', expiresInMs: expect.any(Number) }]);
  held.open();
  await Promise.all([locked, other]);
  expect(await cli('locks list --prefix a*b:')).toMatchObject({ code: 0, out: 'No lock is held.\n' });
});

test('what a client named itself reaches the terminal without its escape sequences', async () => {
  const client = 'evil\u001b[2J\u0007\u202e';
  const { code, out } = await cli(`--limiter login/15m limits block ${client} 1m --prefix esc:`);
  expect(code).toBe(0);
  expect(out).toBe('evil\\u{1b}[2J\\u{7}\\u{202e} is blocked for 1m.\n');
});

test.each([
  ['', 'name a command'],
  ['frobnicate', 'there is no command'],
  ['limits', 'there is no command'],
  ['__proto__', 'there is no command'],
  ['limits reset', 'name the client'],
  ['limits block me', '"" is no time'],
  ['limits block me 0s --limiter 1m', 'is no time'],
  ['limits block me 400d --limiter 1m', 'is no time'],
  ['limits reset me you', 'does not take "you"'],
  ['sessions list', 'name the user'],
  ['cache purge', 'give --tag'],
  ['cache purge --all --tag x', 'give --tag'],
  ['cache show', 'name a URL'],
  ['locks list --colour', "'--colour'"],
  ['sessions end 7 --key x', 'does not take --key'],
  ['doctor --limiter 1m', 'does not take --limiter'],
  ['limits reset me --all', 'does not take --all'],
  ['cache purge --tag=', 'must not be empty'],
  ['doctor --redis=', '--redis must be a URL'],
  ['doctor --redis http://localhost:6379', '--redis must be a URL'],
  ['doctor --timeout soon', '--timeout must be'],
])('"%s" is wrong usage: exit code 2, and what to do', async (line, reason) => {
  const limiter = line === 'limits reset' ? ' --limiter 1m' : '';
  const { code, err, out } = await cli(line + limiter);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toContain(reason);
});

test('a Redis that does not answer is exit code 3', async () => {
  const server = await startRedis();
  server.freeze();
  try {
    const frozen = await cli('locks list --timeout 200', { url: server.url });
    expect(frozen).toMatchObject({ code: 3, out: '' });
  } finally {
    server.thaw();
    await server.stop();
  }
});

test.each([
  'doctor',
  'limits list',
  'limits show',
  'limits show me',
  'locks list',
  'cache purge --all --yes',
])(
  'where nobody listens, %s says so with exit code 3, and does not say that there is nothing',
  async (line) => {
    const { code, out, err } = await cli(`${line} --timeout 300`, { url: 'redis://127.0.0.1:1' });
    expect({ code, out }).toEqual({ code: 3, out: '' });
    expect(err).toMatch(/Redis is unavailable: it is not answering at the moment \(.*127\.0\.0\.1:1\)\n/);
  },
);

test('whoever has read enough of the output gets no stack trace', async () => {
  const main = join(__dirname, '../../../src/cli/main.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', main, '--help'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  const [err, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  expect([err, code]).toEqual(['', 0]);
});

test('doctor explains a good Redis, one that may evict, and one whose user may not do everything', async () => {
  const args = ['--appendonly', 'yes', '--maxmemory', '100mb', '--maxmemory-policy', 'volatile-lru'];
  const server = await startRedis({ args });
  try {
    const good = await cli('doctor --json', { url: server.url });
    expect(good.code).toBe(0);
    const levels = JSON.parse(good.out).map(({ check, level }: Record<string, string>) => [check, level]);
    expect(Object.fromEntries(levels)).toEqual({
      version: 'ok',
      eviction: 'ok',
      ACL: 'ok',
      persistence: 'ok',
      replication: 'ok',
      clock: 'ok',
      latency: expect.any(String),
    });
    const setup = await cli('doctor', { url: file.server.url });
    expect(setup.out).toMatch(/warning {2}eviction[\s\S]*warning {2}persistence/);

    await acl(server.url);
    const limited = await cli('doctor', { url: server.url.replace('redis://', 'redis://app:secret@') });
    expect(limited.code).toBe(1);
    expect(limited.out).toMatch(/PROBLEM {2}ACL: forbidden: .*limits \(SET\)/);
    expect(limited.out).toContain('messages and waiting callers (PUBLISH, SUBSCRIBE)');
    expect(limited.out).not.toContain('secret');
  } finally {
    await server.stop();
  }
});

test.each([
  ['info', 'outages and failovers (INFO)'],
  ['ping', 'outages and failovers (PING)'],
  ['time', 'scripts (EVAL); clocks (TIME)'],
  ['evalsha', 'scripts (EVALSHA)'],
  ['hset', 'sessions (HSET); idempotency (HSET)'],
  ['mget', 'cache (MGET)'],
  ['publish', 'messages and waiting callers (PUBLISH); the operations page (PUBLISH)'],
])('doctor names what a user without %s cannot do, and goes on', async (command, found) => {
  const user = `without-${command}`;
  await file.redis.call('ACL', 'SETUSER', user, 'on', '>pw', '~*', '&*', '+@all', `-${command}`);
  const { code, out } = await cli('doctor', {
    url: file.server.url.replace('redis://', `redis://${user}:pw@`),
  });
  expect(code).toBe(1);
  expect(out).toContain(`PROBLEM  ACL: forbidden: ${found}\n`);
  if (command !== 'info') expect(out).toMatch(/ok {7}replication/);
});

test('doctor explains a Redis that refuses writes: a replica, and one that is full', async () => {
  const server = await startRedis();
  const admin = connectRedis({ url: server.url, logger: quiet });
  try {
    await admin.config('SET', 'maxmemory', '1');
    const full = await cli('doctor', { url: server.url });
    expect(full.code).toBe(1);
    expect(full.out).toMatch(/PROBLEM {2}writes: Redis refuses them: OOM [\s\S]*ok {7}version/);
    await admin.config('SET', 'maxmemory', '0');
    await admin.replicaof('127.0.0.1', 1);
    const replica = await cli('doctor', { url: server.url });
    expect(replica.code).toBe(1);
    expect(replica.out).toMatch(/PROBLEM {2}writes: .*READONLY[\s\S]*PROBLEM {2}replication: role slave/);
  } finally {
    await closeRedis(admin);
    await server.stop();
  }
});

async function acl(url: string): Promise<void> {
  const { Redis } = await import('ioredis');
  const admin = new Redis(url);
  await admin.call('ACL', 'SETUSER', 'app', 'on', '>secret', '+@all', '~tag:*', '~cache*', '&none');
  await admin.quit();
}
