import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import express from 'express';
import request from 'supertest';
import { expect, onTestFinished, test } from 'vitest';
import { cacheResponse } from '../../../middleware/cache/index.js';
import { ops } from '../../../middleware/ops/index.js';
import { rateLimit } from '../../../middleware/rate-limit/index.js';
import { session } from '../../../middleware/session/index.js';
import { cacheAside } from '../../../src/cache-aside/index.js';
import { eventually } from '../../support/eventually.js';
import { redisForFile } from '../support/redis-for-file.js';
import { operator, opsApp, quiet } from './support/ops-client.js';

const file = redisForFile();
let prefixes = 0;
const ownPrefix = () => `ops-${++prefixes}:`;

function limited(options: { limit?: number; prefix?: string } = {}) {
  const prefix = options.prefix ?? ownPrefix();
  const { redis } = file;
  const keyGenerator = (req: express.Request) => req.get('x-client') ?? 'nobody';
  const limiter = rateLimit({ redis, prefix, identifier: 'login', limit: 2, keyGenerator, ...options });
  const app = express();
  app.use('/ops', ops({ redis, prefix, authorize: () => 'ada', logger: quiet }));
  app.get('/', limiter, (_req, res) => void res.send('ok'));
  const visit = async (client = 'grace') => (await request(app).get('/').set('x-client', client)).status;
  return { app, visit, limiter, prefix };
}

test('an operator looks up a client, and a reset soon admits it again', async () => {
  const { app, visit, prefix } = limited();
  expect([await visit(), await visit(), await visit()]).toEqual([200, 200, 429]);
  const { get, post } = await operator(app);
  const on = { limiter: `${prefix}login/1m`, client: 'grace' };
  const { body } = await get('limits', on).expect(200);
  expect(body).toMatchObject({ ...on, blockedMs: 0, quotas: [{ name: 'login', used: 2, limit: 2 }] });
  await post('limits/reset', on).expect(200, { reset: true });
  await eventually('admitted again', async () => (await visit()) === 200, { withinMs: 2_500 });
});

test('an operator blocks a client that had a tally, and soon unblocks it, its charges kept', async () => {
  const { app, visit, prefix } = limited({ limit: 100 });
  for (let i = 0; i < 5; i++) expect(await visit()).toBe(200);
  const { get, post, state } = await operator(app);
  const on = { limiter: `${prefix}login/1m`, client: 'grace' };
  await post('limits/block', { ...on, seconds: 60 }).expect(200, { blockedMs: 60_000 });
  expect(await visit()).toBe(429);
  expect(await visit('somebody else')).toBe(200);
  const { body } = await get('limits', on).expect(200);
  expect(body.blockedMs).toBeGreaterThan(58_000);
  const blocked = async () => (await state()).blocked;
  await eventually('it is listed', async () => (await blocked()).total === 1);
  expect((await blocked()).clients).toEqual([{ ...on, blockedMs: expect.any(Number) }]);
  await post('limits/unblock', on).expect(200, { wasBlocked: true });
  await post('limits/unblock', on).expect(200, { wasBlocked: false });
  await eventually('it is listed no more', async () => (await blocked()).total === 0);
  await eventually('admitted again', async () => (await visit()) === 200, { withinMs: 2_500 });
  expect((await get('limits', on)).body.quotas).toMatchObject([{ used: 6 }]);
});

test('an operator lists the sessions of a user and ends one, then all', async () => {
  const { redis } = file;
  const prefix = ownPrefix();
  const app = express();
  app.use('/ops', ops({ redis, prefix, authorize: () => 'ada', logger: quiet }));
  app.use(
    session({
      redis,
      prefix,
      secret: 'a secret of at least 32 characters',
      user: (data) => (data as { userId?: string }).userId,
      device: (req) => ({ agent: String(req.get('user-agent')) }),
    }),
  );
  app.get('/login', (req, res) => {
    (req.session as { userId?: string }).userId = '7';
    res.send('ok');
  });
  app.get('/me', (req, res) => void res.send((req.session as { userId?: string }).userId ?? 'nobody'));
  const browsers = [request.agent(app), request.agent(app), request.agent(app)];
  for (const browser of browsers) await browser.get('/login').set('user-agent', '<b>phone</b>').expect(200);

  const { get, post } = await operator(app);
  const { sessions } = (await get('sessions', { user: '7' }).expect(200)).body;
  expect(sessions).toHaveLength(3);
  expect(sessions[0]).toMatchObject({ device: { agent: '<b>phone</b>' } });
  await post('sessions/end', { user: '8', handle: sessions[0].handle }).expect(200, { ended: 0 });
  await post('sessions/end', { user: '7', handle: sessions[0].handle }).expect(200, { ended: 1 });
  await browsers[0]!.get('/me').expect(200, 'nobody');
  await browsers[1]!.get('/me').expect(200, '7');
  await post('sessions/end', { user: '7' }).expect(200, { ended: 2 });
  await browsers[2]!.get('/me').expect(200, 'nobody');
  expect((await get('sessions', { user: '7' })).body).toEqual({ sessions: [] });
});

function cached() {
  const { redis } = file;
  const prefix = ownPrefix();
  const app = express();
  let made = 0;
  app.use('/ops', ops({ redis, prefix, authorize: () => 'ada', logger: quiet }));
  app.get(
    '/users/:id',
    cacheResponse({ redis, prefix, ttlSeconds: 60, tags: () => ['users', '*'] }),
    (req, res) => {
      if (req.query.vary) res.vary('Accept-Language');
      made += 1;
      res.send(`answer ${made}`);
    },
  );
  const visit = async (path = '/users/7', fields = {}) =>
    (await request(app).get(path).set('Host', 'shop.example').set(fields)).text;
  return { app, visit, prefix };
}

test.each([
  ['tags', ['users']],
  ['tags', ['*']],
  ['urls', ['/users/7']],
  ['urls', ['https://elsewhere.example/Users/7/']],
])('an operator purges by %s %j, and sees why the entry is not served', async (kind, names) => {
  const { app, visit } = cached();
  const { get, post } = await operator(app);
  expect([await visit(), await visit(), await visit('/users/8')]).toEqual([
    'answer 1',
    'answer 1',
    'answer 2',
  ]);
  const entry = { entry: 'http://shop.example/users/7' };
  const [before] = (await get('cache', entry).expect(200)).body.entries;
  expect(before).toMatchObject({ status: 200, bodyBytes: 8, reasons: [] });
  expect(before.ageSeconds).toBeLessThan(10);
  expect(before.freshForSeconds).toBeGreaterThan(50);
  expect(before.tags).toContainEqual({ tag: 'users', isCurrent: true });

  await post('cache/purge', { [kind]: names }).expect(200);
  const [after] = (await get('cache', entry)).body.entries;
  expect(after.reasons).toEqual([expect.stringMatching(/^the tag .* was invalidated$/)]);
  expect(await visit()).toBe('answer 3');
  expect(await visit('/users/8')).toBe(kind === 'tags' ? 'answer 4' : 'answer 2');
});

test('an operator inspects the variants of a URL, and an entry that is not there', async () => {
  const { app, visit } = cached();
  const { get } = await operator(app);
  await visit('/users/7?vary=1', { 'Accept-Language': 'de' });
  await visit('/users/7?vary=1', { 'Accept-Language': 'fr' });
  const { entries } = (await get('cache', { entry: 'http://shop.example/users/7?vary=1' })).body;
  expect(entries).toHaveLength(2);
  expect(entries[0].vary).toEqual(['accept-language']);
  await get('cache', { entry: 'http://shop.example/users/9' }).expect(200, { entries: [] });
});

test('an operator purges a value by its key, and clears the cache of responses and values', async () => {
  const { app, visit, prefix } = cached();
  const values = cacheAside({ redis: file.redis, prefix });
  let loads = 0;
  const load = () => values.getOrLoad('user:7', async () => `Ada ${++loads}`, { ttlSeconds: 60, tags: [] });
  const { post } = await operator(app);
  expect([await load(), await load(), await visit(), await visit()]).toEqual([
    'Ada 1',
    'Ada 1',
    'answer 1',
    'answer 1',
  ]);
  await post('cache/purge', { keys: ['user:7'] }).expect(200, { tagsInvalidated: 1 });
  expect([await load(), await visit()]).toEqual(['Ada 2', 'answer 1']);
  await post('cache/clear').expect(200, { cleared: true });
  expect([await load(), await visit()]).toEqual(['Ada 3', 'answer 2']);
});

test.each<[string, object, string]>([
  ['limits/reset', {}, '"limiter" is missing'],
  ['limits/reset', { limiter: 'login/1m', client: 7 }, '"client" must be a text'],
  ['limits/reset', { limiter: 'unknown', client: 'me' }, 'No process'],
  ['limits/block', { limiter: 'login/1m', client: 'me', seconds: -1 }, '"seconds" must be a whole number'],
  ['limits/block', { limiter: 'login/1m', client: 'me', seconds: 1e12 }, '"seconds" must be a whole number'],
  ['sessions/end', { user: '' }, '"user" is missing'],
  ['sessions/end', { user: { $ne: 1 } }, '"user" must be a text'],
  ['sessions/end', { user: '7', handle: ['x'] }, '"handle" must be a text'],
  ['sessions/end', { user: '7', handle: '' }, '"handle" must be a text'],
  ['cache/purge', {}, 'Give "tags"'],
  ['cache/purge', { tags: 'users' }, '"tags" must be a list'],
  ['cache/purge', { urls: ['/a', 'users/7'] }, '"users/7" is neither a path'],
  ['cache/purge', { urls: [null] }, '"urls" must be a text'],
  ['cache/purge', { urls: ['users/7'] }, '"urls" that begin with a slash'],
  ['cache/purge', { tags: ['x'.repeat(3_000)] }, '"tags" must be a text'],
])('%s is refused with 400 and the reason (%#)', async (path, body, reason) => {
  const app = opsApp({ redis: file.redis });
  rateLimit({ redis: file.redis, identifier: 'login', logger: quiet });
  const { post } = await operator(app);
  const answer = await post(path, body).expect(400);
  expect(JSON.parse(answer.text).detail).toContain(reason);
});

test('a body that is no JSON is refused with 400', async () => {
  const { post } = await operator(opsApp({ redis: file.redis }));
  const answer = await post('cache/clear')
    .set('Content-Type', 'application/json')
    .send('{"tags":')
    .expect(400);
  expect(JSON.parse(answer.text)).toMatchObject({ status: 400, title: 'Bad Request' });
});

test('each action is published as an audit event with its actor, and shown to whoever looks', async () => {
  const events: unknown[] = [];
  const note = (event: unknown) => void events.push(event);
  subscribe('express-redis-toolkit:audit', note);
  onTestFinished(() => void unsubscribe('express-redis-toolkit:audit', note));
  const { state, post } = await operator(opsApp({ redis: file.redis, authorize: () => 4711n }));
  await post('cache/purge', { tags: ['users'] }).expect(200);
  const on = { tags: ['users'], urls: [], keys: [] };
  const event = { action: 'cache/purge', actor: '4711', on, outcome: 'done' };
  expect(events).toEqual([expect.objectContaining(event)]);
  expect((await state()).actions[0]).toMatchObject(event);
});
