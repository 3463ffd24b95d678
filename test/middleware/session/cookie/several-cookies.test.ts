import { sign } from 'cookie-signature';
import express from 'express';
import { expect, test } from 'vitest';
import { session } from '../../../../middleware/session/session.js';
import { countedRedis } from '../../support/counted-redis.js';
import { quiet, redisForFile, serve, throughProxy } from '../../support/redis-for-file.js';
import { keyOf } from '../support/session-age.js';
import { clientOf, data, SECRET, serveSessions } from '../support/session-client.js';

const file = redisForFile();

const signed = (id: string) => `connect.sid=${encodeURIComponent(`s:${sign(id, SECRET)}`)}`;
const forged = (n: number) => `connect.sid=s%3Aforged-${n}.${'A'.repeat(43)}`;
const ended = (n: number) => signed(`ended-${n}`);
const times = (count: number, make: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => make(n));

function routes(app: express.Express): void {
  app.get('/login/:user', (req, res) => {
    data(req).user = req.params.user;
    res.send(req.sessionID);
  });
  app.get('/show', (req, res) => void res.send(data(req).user ?? 'nobody'));
  app.get('/logout', (req, res) => void req.session.destroy(() => res.end()));
}

async function logIn() {
  const { client, url } = await serveSessions({ redis: file.redis }, routes);
  const ann = client();
  const bob = client();
  await ann.get('/login/ann');
  await bob.get('/login/bob');
  return { client, url, ann: ann.cookie, bob: bob.cookie };
}

type Cookies = (live: { ann: string; bob: string }) => string[];
test.each<[string, Cookies, string]>([
  ['a forged cookie before it', ({ ann }) => [forged(1), ann], 'ann'],
  ['a cookie without a signature before it', ({ ann }) => ['connect.sid=plain', ann], 'ann'],
  ['an empty cookie before it', ({ ann }) => ['connect.sid=', ann], 'ann'],
  ['the cookie of an ended session before it', ({ ann }) => [ended(1), ann], 'ann'],
  ['three cookies of ended sessions before it', ({ ann }) => [...times(3, ended), ann], 'ann'],
  ['twenty forged cookies before it', ({ ann }) => [...times(20, forged), ann], 'ann'],
  ['the same ended cookie five times before it', ({ ann }) => [...times(5, () => ended(1)), ann], 'ann'],
  ['the cookie of another live session behind it', ({ ann, bob }) => [ann, bob], 'ann'],
  ['the cookie of another live session before it', ({ ann, bob }) => [bob, ann], 'bob'],
  [
    'cookies with similar names around it',
    ({ ann }) => [`x${ended(1)}`, ann, ended(2).replace('sid', 'sidx')],
    'ann',
  ],
  ['four cookies of ended sessions before it', ({ ann }) => [...times(4, ended), ann], 'nobody'],
])('a session cookie is found with %s', async (_what, cookies, user) => {
  const { client, ann, bob } = await logIn();
  const answer = await client(cookies({ ann, bob }).join('; ')).get('/show');
  expect(answer).toMatchObject({ text: user, cookie: undefined });
});

test('four cookies of one name cost one write to Redis', async () => {
  const counted = await countedRedis();
  const { client } = await serveSessions({ redis: counted.redis }, routes);
  await client(ended(0)).get('/show');
  const cost = await counted.costOf(() => client(times(6, ended).join('; ')).get('/show'));
  expect(cost).toMatchObject({ commands: times(4, () => 'evalsha'), writes: 1 });
});

test('a logout ends the session that was found behind the cookie of an ended one', async () => {
  const { client, ann } = await logIn();
  await client(`${ended(1)}; ${ann}`).get('/logout');
  expect((await client(ann).get('/show')).text).toBe('nobody');
});

test('a login with the cookie of an ended session is found again, although both cookies are sent', async () => {
  const { client } = await logIn();
  const one = client(ended(1));
  const { text: id } = await one.get('/login/eve');
  expect((await client(`${ended(1)}; ${one.cookie}`).get('/show')).text).toBe('eve');
  expect(await file.redis.exists(keyOf(id))).toBe(1);
});

test('a logout while Redis cannot read sessions ends every session that the cookies name', async () => {
  const { proxy, redis } = await throughProxy(file.server);
  const { client } = await serveSessions({ redis, timeoutMs: 150, onUnavailable: 'anonymous' }, (app) => {
    routes(app);
    app.get('/late-logout', async (req, res) => {
      proxy.thaw();
      await expect.poll(() => redis.ping().catch(() => ''), { timeout: 3_000 }).toBe('PONG');
      await expect
        .poll(
          () =>
            req.session.destroy().then(
              () => 'done',
              () => '',
            ),
          { timeout: 3_000 },
        )
        .toBe('done');
      res.end();
    });
  });
  const ann = client();
  await ann.get('/login/ann');
  proxy.freeze();
  await client(`${ended(1)}; ${ann.cookie}`).get('/late-logout');
  expect((await client(ann.cookie).get('/show')).text).toBe('nobody');
});

test.each([
  ['/admin', '/admin', true],
  ['/admin', '/admin/', true],
  ['/admin', '/admin/users', true],
  ['/admin', '/admin?x=1', true],
  ['/admin', '/administrator', false],
  ['/admin', '/admin.html', false],
  ['/admin', '/admin%2Fusers', false],
  ['/admin', '/Admin', false],
  ['/admin', '/', false],
  ['/admin/', '/admin/', true],
  ['/admin/', '/admin/users', true],
  ['/admin/', '/admin', false],
  ['/', '/anything', true],
  ['/a/b', '/a/b/c', true],
  ['/a/b', '/a/bc', false],
])('with cookie.path %s, whether the request %s has a session is %s', async (path, url, expected) => {
  const app = express();
  app.use(session({ redis: file.redis, secret: SECRET, logger: quiet, cookie: { path } }));
  app.use((req, res) => void res.send(typeof req.session));
  const { text } = await clientOf(await serve(app)).get(url);
  expect(text).toBe(expected ? 'object' : 'undefined');
});
