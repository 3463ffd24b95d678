import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import express, { type RequestHandler } from 'express';
import type { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { invalidateOn } from '../../../middleware/cache/invalidate-on.js';
import { idempotent } from '../../../middleware/idempotent/idempotent.js';
import type { IdempotentOptions } from '../../../middleware/idempotent/options.js';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { eventually } from '../../support/eventually.js';
import { gate, quiet, redisForFile, serve, throughProxy } from '../support/redis-for-file.js';
import { serveOnce, statusOf } from './support/serve-once.js';

const LONG_MS = 60_000;
const file = redisForFile();

type Answer = (res: express.Response, run: number) => void;
const made: Answer = (res, run) => void res.status(201).send(`made ${run}`);
const failsOnce: Answer = (res, run) => (run === 1 ? void res.status(500).end() : made(res, run));

/** A route whose first handler runs until it may finish. */
async function serveSlowly(
  answer = made,
  options: Partial<IdempotentOptions> = {},
  redis: Redis = file.redis,
) {
  const [running, finish] = [gate(), gate()];
  let runs = 0;
  const handler: RequestHandler = async (_req, res) => {
    runs += 1;
    const run = runs;
    running.open();
    if (run === 1) await finish.passed;
    answer(res, run);
  };
  const served = await serveOnce(redis, handler, { waitMs: LONG_MS, ...options });
  const first = served.post();
  await running.passed;
  const [key] = (await file.redis.keys(`${served.prefix}idempotency:*`)) as [string];
  return { ...served, first, finish: finish.open, key };
}

const channelOf = (key: string) => key.replace('idempotency:', 'idempotency-released:');
const isWaitedFor = async (key: string) => (await file.redis.pubsub('CHANNELS', channelOf(key))).length === 1;
const isWaitedForAt = (key: string) => eventually('a request waits', () => isWaitedFor(key));
const nobodyWaitsAt = (key: string) => eventually('nobody listens', async () => !(await isWaitedFor(key)));

/** As a process leaves the key that dies while its handler runs. */
async function leaveRunning(key: string, leftMs: number): Promise<void> {
  const [seconds, micros] = await file.redis.time();
  const until = Math.floor(Number(seconds) * 1000 + Number(micros) / 1000) + leftMs;
  await file.redis.hset(key, { state: 'running', token: 'gone', until });
}

async function scriptsRun(): Promise<number> {
  return Number(/evalsha:calls=(\d+)/.exec(await file.redis.info('commandstats'))![1]);
}

test('requests that come while the first one runs get its answer, for one question of their process', async () => {
  const { post, first, finish, key, runs } = await serveSlowly();
  const before = await scriptsRun();
  const others = Array.from({ length: 20 }, () => post());
  await eventually('all have asked', async () => (await scriptsRun()) >= before + 20);
  await isWaitedForAt(key);
  const asked = await scriptsRun();
  finish();
  expect(await statusOf(first)).toBe('201');
  for (const other of others) {
    expect(await statusOf(other)).toBe('201 replayed');
    expect(await (await other).text()).toBe('made 1');
  }
  // A few looks before, the answer, and the look after its message. Not one for each request.
  expect((await scriptsRun()) - asked).toBeLessThanOrEqual(8);
  expect(runs()).toBe(1);
  await nobodyWaitsAt(key);
});

test('past waitMs a request gets 409, with Retry-After', async () => {
  const { post, first, finish, key } = await serveSlowly(made, { waitMs: 60 });
  const beganAt = performance.now();
  const { status, headers } = await post();
  expect(performance.now() - beganAt).toBeGreaterThanOrEqual(59);
  expect(status).toBe(409);
  expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(25);
  await nobodyWaitsAt(key);
  finish();
  expect(await statusOf(first)).toBe('201');
});

test('a request with another content gets 422 at once', async () => {
  const { post, first, finish, key } = await serveSlowly();
  const waiting = post();
  await isWaitedForAt(key);
  expect(await statusOf(post('other'))).toBe('422');
  finish();
  expect(await statusOf(first)).toBe('201');
  expect(await statusOf(waiting)).toBe('201 replayed');
});

test.each<[string, Answer, Partial<IdempotentOptions>]>([
  ['too large', (res) => void res.status(201).send('x'.repeat(101)), { maxBodyBytes: 100 }],
  ['a stream', (res) => void res.status(201).type('text/event-stream').end('data: 1\n\n'), {}],
])('of an answer that is %s those that wait get status and headers', async (_, answer, options) => {
  const { post, finish, key, runs } = await serveSlowly(answer, options);
  const waiting = post();
  await isWaitedForAt(key);
  finish();
  expect(await statusOf(waiting)).toBe('201 replayed omitted');
  expect(runs()).toBe(1);
});

test('after an answer that is not kept one of those that wait runs, and the others get its answer', async () => {
  const { post, first, finish, key, runs } = await serveSlowly(failsOnce);
  const waiting = [post(), post(), post()];
  await isWaitedForAt(key);
  finish();
  expect(await statusOf(first)).toBe('500');
  const answers = await Promise.all(waiting.map(statusOf));
  expect(answers.sort()).toEqual(['201', '201 replayed', '201 replayed']);
  expect(runs()).toBe(2);
});

test.each(['rerun', 'refuse'] as const)(
  'when the process of the first one has died, those that wait are answered as onLostLease: %s says',
  async (onLostLease) => {
    const { post, runs, prefix } = await serveOnce(file.redis, (_req, res) => made(res, 0), {
      waitMs: LONG_MS,
      onLostLease,
    });
    await post();
    const [key] = (await file.redis.keys(`${prefix}idempotency:*`)) as [string];
    await leaveRunning(key, 150);
    const answers = await Promise.all([post(), post(), post()].map(statusOf));
    expect(answers.sort()).toEqual(
      onLostLease === 'rerun' ? ['201', '201 replayed', '201 replayed'] : ['409', '409', '409'],
    );
    expect(runs()).toBe(onLostLease === 'rerun' ? 2 : 1);
  },
);

test('a client that leaves waits no longer, and its request does not run', async () => {
  const { post, first, finish, key, runs } = await serveSlowly(failsOnce);
  const leaving = new AbortController();
  const waiting = post('a', {}, leaving.signal).catch(() => 'left');
  await isWaitedForAt(key);
  leaving.abort();
  expect(await waiting).toBe('left');
  await nobodyWaitsAt(key);
  finish();
  expect(await statusOf(first)).toBe('500');
  expect(await statusOf(post())).toBe('201');
  expect(runs()).toBe(2);
});

test('a client that leaves while its request waits behind invalidateOn leaves no mark', async () => {
  const [running, finish] = [gate(), gate()];
  const shared = { redis: file.redis, prefix: 'marks:', logger: quiet };
  const app = express();
  const mark = invalidateOn({ ...shared, tags: () => ['orders'], when: (req) => req.headers.mark === 'yes' });
  app.post('/o', mark, idempotent({ ...shared, scope: () => 'ann', waitMs: LONG_MS }), async (_req, res) => {
    running.open();
    await finish.passed;
    res.end();
  });
  const url = `${await serve(app)}/o`;
  const leaving = new AbortController();
  const post = (mark: string) =>
    fetch(url, { method: 'POST', headers: { 'Idempotency-Key': 'k', mark }, signal: leaving.signal });
  const sent = [post('no').catch(() => 'left')];
  await running.passed;
  sent.push(post('yes').catch(() => 'left'));
  const [key] = (await file.redis.keys('marks:idempotency:*')) as [string];
  await isWaitedForAt(key);
  const isMarked = async () => (await file.redis.get('marks:tag:orders'))?.startsWith('!') ?? false;
  expect(await isMarked()).toBe(true);
  leaving.abort();
  await Promise.all(sent);
  await eventually('the mark is gone', async () => !(await isMarked()), { withinMs: 3_000 });
  finish.open();
});

test('an application that closes its client answers those that wait with 409', async () => {
  const redis = connectRedis({ url: file.server.url, logger: quiet });
  const { post, first, finish, key } = await serveSlowly(made, {}, redis);
  const waiting = post();
  await isWaitedForAt(key);
  await closeRedis(redis);
  expect(await statusOf(waiting)).toBe('409');
  finish();
  expect(await statusOf(first)).toBe('201');
});

test('requests wait through an outage, and get the answer when Redis is back', async () => {
  const { proxy, redis } = await throughProxy(file.server);
  const { post, first, finish, key, runs } = await serveSlowly(made, { timeoutMs: 150 }, redis);
  const waiting = post();
  await isWaitedForAt(key);
  proxy.freeze();
  proxy.sever();
  finish();
  expect(await statusOf(first)).toBe('201');
  proxy.thaw();
  expect(await statusOf(waiting)).toBe('201 replayed');
  expect(runs()).toBe(1);
});

test('when Redis loses its data, nobody runs whose first request still has its lease', async () => {
  const { post, finish, key, runs } = await serveSlowly(made, { leaseMs: 1_500 });
  const waiting = post();
  await isWaitedForAt(key);
  await file.redis.del(key);
  // As after a gap: it looks again.
  await file.redis.publish(channelOf(key), '');
  await eventually('the lease is back', async () => (await file.redis.exists(key)) === 1);
  finish();
  expect(await statusOf(waiting)).toBe('201 replayed');
  expect(runs()).toBe(1);
});

test.each([
  ['rerun', '201'],
  ['refuse', '409'],
] as const)(
  'when Redis has lost the key of a process that died, onLostLease: %s decides after the lease',
  async (onLostLease, status) => {
    const { post, prefix } = await serveOnce(file.redis, (_req, res) => made(res, 0), {
      waitMs: LONG_MS,
      onLostLease,
    });
    await post();
    const [key] = (await file.redis.keys(`${prefix}idempotency:*`)) as [string];
    await leaveRunning(key, 400);
    const waiting = post();
    await isWaitedForAt(key);
    await file.redis.del(key);
    expect(await statusOf(waiting)).toBe(status);
  },
);

test('without the right to subscribe requests look again every few milliseconds', async () => {
  await file.redis.call('ACL', 'SETUSER', 'deaf', 'on', '>pw', '~*', '+@all', 'resetchannels');
  const redis = connectRedis({ url: file.server.url.replace('//', '//deaf:pw@'), logger: quiet });
  onTestFinished(() => closeRedis(redis));
  const { post, finish, runs } = await serveSlowly(made, {}, redis);
  const before = await scriptsRun();
  const waiting = post();
  await eventually('looks', async () => (await scriptsRun()) > before + 3);
  finish();
  expect(await statusOf(waiting)).toBe('201 replayed');
  expect(runs()).toBe(1);
});

test('the event of a request says how long it waited', async () => {
  const heard: { state: string; waitedMs: number }[] = [];
  const note = (event: unknown) => void heard.push(event as (typeof heard)[number]);
  subscribe('express-redis-toolkit:idempotency', note);
  onTestFinished(() => void unsubscribe('express-redis-toolkit:idempotency', note));
  const { post, finish, key } = await serveSlowly();
  const waiting = post();
  await isWaitedForAt(key);
  finish();
  await waiting;
  expect(heard.map(({ state, waitedMs }) => [state, waitedMs > 0])).toEqual([
    ['run', false],
    ['done', true],
  ]);
});
