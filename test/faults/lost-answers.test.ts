import express from 'express';
import request from 'supertest';
import { beforeEach, expect, test } from 'vitest';
import { idempotent } from '../../middleware/idempotent/idempotent.js';
import type { SessionOptions } from '../../middleware/session/options.js';
import { withLock } from '../../src/locks/with-lock.js';
import { ping } from '../../src/redis/connect.js';
import { linkTo } from '../../src/redis/link.js';
import { data, serveSessions } from '../middleware/session/support/session-client.js';
import { quiet, redisForFile, throughProxy } from '../middleware/support/redis-for-file.js';
import { eventually } from '../support/eventually.js';

// A command whose answer is lost was executed: whoever asked must recognise, or give back, what it left in Redis.

const file = redisForFile();
beforeEach(async () => void (await file.redis.flushall()));

/** Loses the answer to what `ask` sends: the connection breaks as soon as Redis has what it wrote. */
async function losingAnswer(
  { proxy }: Awaited<ReturnType<typeof throughProxy>>,
  ask: () => Promise<unknown>,
  isWritten: () => Promise<boolean>,
): Promise<unknown> {
  proxy.delay(80);
  const asked = ask().then(
    () => 'answered',
    (error: { code?: string }) => error.code,
  );
  await eventually('Redis has it', isWritten, { everyMs: 1 });
  proxy.sever();
  proxy.delay(0);
  const outcome = await asked;
  return outcome;
}

const back = (redis: typeof file.redis) =>
  eventually('Redis answers', () =>
    ping(redis).then(
      () => true,
      () => false,
    ),
  );

const exists = (pattern: string) => async () => (await file.redis.keys(pattern)).length > 0;

/** An app that saves its session, loses the answer, changes `late` and saves again. */
async function savingTwice(options: Partial<SessionOptions>, isWritten: () => Promise<boolean>) {
  const site = await throughProxy(file.server);
  let outcomes: unknown[] = [];
  const { client, sessions } = await serveSessions({ redis: site.redis, ...options }, (app) => {
    app.get('/start', (req, res) => {
      data(req).count = 0;
      res.end();
    });
    app.get('/twice', async (req, res) => {
      data(req).count = Number(data(req).count ?? 0) + 1;
      outcomes = [await losingAnswer(site, () => req.session.save(), isWritten)];
      data(req).late = true;
      await back(site.redis);
      outcomes.push(
        await req.session.save().then(
          () => 'saved',
          ({ code }) => code,
        ),
      );
      res.end();
    });
    app.get('/show', (req, res) => res.json({ count: data(req).count, late: data(req).late }));
  });
  return { one: client(), sessions, outcomes: () => outcomes };
}

test('a new session whose answer was lost is recognised, with its place among those of its user', async () => {
  const { one, sessions, outcomes } = await savingTwice({ user: () => 'ann' }, exists('session:*'));
  await one.get('/twice');
  expect(outcomes()).toEqual(['REDIS_UNAVAILABLE', 'saved']);
  expect(JSON.parse((await one.get('/show')).text)).toEqual({ count: 1, late: true });
  expect(await sessions.list('ann')).toHaveLength(1);
});

test('a change whose answer was lost is in no conflict with itself', async () => {
  let conflicts = 0;
  const hasCount = async () => {
    const [key] = await file.redis.keys('session:*');
    return key !== undefined && (await file.redis.hget(key, 'count')) === '1';
  };
  const onConflict = () => ++conflicts;
  for (const option of ['fail', onConflict] as const) {
    await file.redis.flushall();
    const { one, outcomes } = await savingTwice({ onConflict: option }, hasCount);
    await one.get('/start');
    await one.get('/twice');
    expect(outcomes()).toEqual(['REDIS_UNAVAILABLE', 'saved']);
    expect(JSON.parse((await one.get('/show')).text)).toEqual({ count: 1, late: true });
  }
  expect(conflicts).toBe(0);
});

test('a genid that returns the id of another session gets an error of its own, and that session stays', async () => {
  const { client } = await serveSessions({ redis: file.redis, genid: () => 'always the same' }, (app) => {
    app.get('/:who', (req, res) => {
      data(req).who = req.params.who;
      res.end();
    });
  });
  const first = client();
  expect((await first.get('/ann')).status).toBe(200);
  expect(await client().get('/bob')).toMatchObject({ status: 500, cookie: undefined });
  const [key] = await file.redis.keys('session:*');
  expect(await file.redis.hget(key!, 'who')).toBe('"ann"');
});

test('a lock whose answer was lost is free again at once', async () => {
  const site = await throughProxy(file.server);
  const options = { ttlMs: 60_000, waitMs: 0, logger: quiet };
  const ask = () => withLock(site.redis, 'r', options, () => 'ran');
  expect(await losingAnswer(site, ask, exists('lock:r'))).toBe('REDIS_UNAVAILABLE');
  await eventually('the lock is free', async () => !(await exists('lock:r')()));
});

test('a lock that could not be released is released as soon as Redis is back', async () => {
  const { proxy, redis } = await throughProxy(file.server);
  await withLock(redis, 'r', { ttlMs: 60_000, timeoutMs: 50, logger: quiet }, () => proxy.swallow());
  expect(await exists('lock:r')()).toBe(true);
  proxy.thaw();
  await eventually('the lock is free', async () => !(await exists('lock:r')()));
});

test('a lock whose function ends in an outage that is known by then is released as soon as Redis is back', async () => {
  const { proxy, redis } = await throughProxy(file.server);
  await withLock(redis, 'r', { ttlMs: 60_000, logger: quiet }, async () => {
    proxy.swallow();
    await eventually('the outage is known', async () => {
      await ping(redis, { timeoutMs: 50 }).catch(() => undefined);
      return linkTo(redis).outage !== undefined;
    });
  });
  expect(await exists('lock:r')()).toBe(true);
  proxy.thaw();
  await eventually('the lock is free', async () => !(await exists('lock:r')()));
});

/** An app whose one route is idempotent. */
function orders(
  redis: typeof file.redis,
  handler: express.RequestHandler = (_req, res) => void res.send('made'),
) {
  const app = express();
  const tellError: express.ErrorRequestHandler = (error, _req, res, _next) =>
    void res.status(error.status).json({ code: error.code });
  app.post('/o', idempotent({ redis, scope: () => 'ann', logger: quiet }), handler, tellError);
  return () => request(app).post('/o').set('Idempotency-Key', 'k').send('a=1');
}

test('an attempt whose answer was lost does not keep the next one away', async () => {
  const site = await throughProxy(file.server);
  const post = orders(site.redis);
  const ask = async () => ({ code: (await post()).body.code });
  const refused = await losingAnswer(
    site,
    () => ask().then((answer) => Promise.reject(answer)),
    exists('idem*'),
  );
  expect(refused).toBe('IDEMPOTENCY_REFUSED');
  const [attempt] = await file.redis.keys('idem*');
  await eventually(
    'the attempt is forgotten',
    async () => (await file.redis.hget(attempt!, 'state')) === 'free',
  );
  await back(site.redis);
  expect((await post()).status).toBe(200);
});

test('an answer that Redis did not take is kept as soon as Redis is back', async () => {
  const { proxy, redis } = await throughProxy(file.server);
  let runs = 0;
  const post = orders(redis, (_req, res) => {
    if (++runs === 1) proxy.swallow();
    res.status(201).send(`run ${runs}`);
  });
  expect((await post()).text).toBe('run 1');
  proxy.thaw();
  const [key] = await file.redis.keys('idem*');
  await eventually('the answer is kept', async () => (await file.redis.hget(key!, 'state')) === 'done');
  await back(redis);
  expect(await post()).toMatchObject({ status: 201, text: 'run 1' });
});
