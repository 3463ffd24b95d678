import { createConnection } from 'node:net';
import { text } from 'node:stream/consumers';
import express from 'express';
import request from 'supertest';
import { expect, test } from 'vitest';
import { ops } from '../../../middleware/ops/index.js';
import { rateLimit } from '../../../middleware/rate-limit/index.js';
import { withLock } from '../../../src/locks/index.js';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { redisForFile, serve } from '../support/redis-for-file.js';
import { operator, opsApp, quiet } from './support/ops-client.js';

const file = redisForFile();

const EVERYTHING = [
  ['get', '/ops/'],
  ['get', '/ops/page.mjs'],
  ['get', '/ops/api/state'],
  ['get', '/ops/api/limits?limiter=1m&client=me'],
  ['get', '/ops/api/sessions?user=7'],
  ['get', '/ops/api/cache?entry=x'],
  ['post', '/ops/api/limits/reset'],
  ['post', '/ops/api/limits/block'],
  ['post', '/ops/api/limits/unblock'],
  ['post', '/ops/api/sessions/end'],
  ['post', '/ops/api/cache/purge'],
  ['post', '/ops/api/cache/clear'],
] as const;

test.each([false, undefined, null, '', 0, 0n, Number.NaN])(
  'ops answers 403 everywhere when authorize returns %s, and shows nothing',
  async (decision) => {
    const app = opsApp({ redis: file.redis, authorize: async () => decision });
    for (const [method, path] of EVERYTHING) {
      const { status, text } = await request(app)[method](path).set('X-Ops-Token', 'x'.repeat(43));
      expect({ method, path, status }).toEqual({ method, path, status: 403 });
      expect(text).not.toContain('redis');
    }
  },
);

test('ops passes an error of authorize on, and a decision that is none, and shows nothing', async () => {
  for (const authorize of [
    () => Promise.reject(new Error('no')),
    () => Promise.reject(),
    () => ({ role: 'guest' }) as never,
    () => [] as never,
    () => Number.POSITIVE_INFINITY,
    () => Promise.reject('route'),
    () => Promise.reject('router'),
  ]) {
    const app = opsApp({ redis: file.redis, authorize });
    app.use(((error, _req, res, _next) =>
      res.status(500).json({ code: error.code })) as express.ErrorRequestHandler);
    await request(app).get('/ops/api/state').expect(500);
  }
});

test('ops needs authorize', () => {
  expect(() => ops({ redis: file.redis } as never)).toThrow(/"authorize" is missing/);
  expect(() => ops({ redis: file.redis, authorize: 'anybody' } as never)).toThrow(/"authorize" must be/);
});

test('with loopback, ops admits this machine, and nobody whose request a proxy has forwarded', async () => {
  const app = opsApp({ redis: file.redis, authorize: 'loopback' });
  app.set('trust proxy', true);
  const url = await serve(app);
  await request(url).get('/ops/api/state').expect(200);
  for (const [field, value] of [
    ['X-Forwarded-For', '127.0.0.1'],
    ['X-Forwarded-Proto', 'https'],
    ['Forwarded', 'for=127.0.0.1'],
    ['X-Real-IP', '127.0.0.1'],
    ['Via', '1.1 proxy'],
    ['CF-Connecting-IP', '127.0.0.1'],
    ['CDN-Loop', 'cdn'],
    ['X-Cluster-Client-IP', '127.0.0.1'],
    ['X-Original-Forwarded-For', '127.0.0.1'],
    ['X-Envoy-External-Address', '127.0.0.1'],
  ])
    await request(url).get('/ops/api/state').set(field!, value!).expect(403);
});

test('with loopback, ops refuses a name of another site that resolves to this machine', async () => {
  const url = await serve(opsApp({ redis: file.redis, authorize: 'loopback' }));
  await request(url).get('/ops/api/state').set('Host', 'evil.example').expect(403);
  await request(url).get('/ops/api/state').set('Host', 'localhost.evil.example').expect(403);
  await request(url).get('/ops/api/state').set('Host', 'localhost:3000').expect(200);
  await request(url).get('/ops/api/state').set('Host', '[::1]:3000').expect(200);
});

test('with loopback, ops refuses HTTP/1.0, in which nginx passes everything on by default', async () => {
  const { port, host } = new URL(await serve(opsApp({ redis: file.redis, authorize: 'loopback' })));
  const socket = createConnection(Number(port), '127.0.0.1');
  socket.end(`GET /ops/api/state HTTP/1.0\r\nHost: ${host}\r\n\r\n`);
  expect(await text(socket)).toMatch(/^HTTP\/1.1 403 /);
});

test('with loopback, ops refuses an address of this machine that others reach too', async () => {
  const app = opsApp({ redis: file.redis, authorize: 'loopback' }, (req, _res, next) => {
    Object.defineProperty(req.socket, 'remoteAddress', { value: '10.0.0.7', configurable: true });
    next();
  });
  await request(app).get('/ops/api/state').set('Host', 'localhost').expect(403);
});

test('a forged POST is refused: without the token, with another, with a foreign cookie, from another origin', async () => {
  const app = opsApp({ redis: file.redis });
  const first = await request(app).get('/ops/api/state').expect(200);
  const cookie = String(first.headers['set-cookie']).split(';')[0]!;
  const { token } = first.body;
  const post = (fields: Record<string, string>) =>
    request(app).post('/ops/api/cache/clear').set(fields).send({});
  await post({}).expect(403);
  await post({ Cookie: cookie }).expect(403);
  await post({ 'X-Ops-Token': token }).expect(403);
  await post({ Cookie: cookie, 'X-Ops-Token': 'x'.repeat(43) }).expect(403);
  await post({ Cookie: 'ops-token=', 'X-Ops-Token': '' }).expect(403);
  const own = { Cookie: cookie, 'X-Ops-Token': token };
  await post({ ...own, 'Sec-Fetch-Site': 'cross-site' }).expect(403);
  await post({ ...own, 'Sec-Fetch-Site': 'same-site' }).expect(403);
  await post({ ...own, 'Sec-Fetch-Site': 'none' }).expect(403);
  await post({ ...own, Origin: 'https://evil.example' }).expect(403);
  await post({ ...own, Origin: 'null' }).expect(403);
  await post({ ...own, 'Sec-Fetch-Site': 'same-origin' }).expect(200);
});

test('a page of another origin cannot read the state either, whatever CORS the app allows', async () => {
  const app = opsApp({ redis: file.redis }, (_req, res, next) => {
    res.set('Access-Control-Allow-Origin', '*');
    next();
  });
  await request(app).get('/ops/api/state').set('Sec-Fetch-Site', 'cross-site').expect(403);
  await request(app).get('/ops/api/state').set('Origin', 'https://evil.example').expect(403);
});

test('wherever clients choose a part of the path, there is a token', async () => {
  const app = express();
  app.use('/:tenant/ops', ops({ redis: file.redis, authorize: () => true, logger: quiet }));
  for (const tenant of ['acme', 'a;b', '%0d%0aX:%20y', 'a,b'])
    expect((await request(app).get(`/${tenant}/ops/api/state`).expect(200)).body.token).toHaveLength(43);
});

test('the cookie of the token is HttpOnly and SameSite=Strict, and Secure over HTTPS', async () => {
  const app = opsApp({ redis: file.redis });
  app.set('trust proxy', true);
  const { headers } = await request(app).get('/ops/api/state').set('X-Forwarded-Proto', 'https');
  expect(headers['set-cookie']?.[0]).toMatch(/^ops-token=[\w-]{43}; HttpOnly; Secure; SameSite=Strict$/);
});

test('readOnly turns every action off, and gives out no token', async () => {
  const user = await operator(opsApp({ redis: file.redis, readOnly: true }));
  const state = await user.state();
  expect(state).toMatchObject({ readOnly: true });
  expect(state.token).toBeUndefined();
  const token = 'x'.repeat(43);
  const statusesOf = async (readOnly: boolean) => {
    const app = opsApp({ redis: file.redis, readOnly });
    const fields = { Cookie: `ops-token=${token}`, 'X-Ops-Token': token };
    const posts = EVERYTHING.filter(([method]) => method === 'post');
    const statuses = posts.map(
      async ([, path]) => (await request(app).post(path).set(fields).send({})).status,
    );
    return Promise.all(statuses);
  };
  // With the same token these are answered where actions are on: 400 for the missing input, and 200 for the last.
  expect(await statusesOf(false)).toEqual([400, 400, 400, 400, 400, 200]);
  expect(await statusesOf(true)).toEqual([403, 403, 403, 403, 403, 403]);
});

test('every answer of ops has a strict policy and is not cached', async () => {
  const app = opsApp({ redis: file.redis });
  for (const path of ['/ops/', '/ops/page.css', '/ops/api/state', '/ops/nothing', '/ops/api/nothing']) {
    const { headers } = await request(app).get(path);
    expect(headers['content-security-policy']).toContain("default-src 'none'; script-src 'self'");
    expect(headers['content-security-policy']).not.toContain('unsafe');
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
  }
});

test('ops serves nothing but the files of its page', async () => {
  const url = new URL(await serve(opsApp({ redis: file.redis })));
  for (const path of [
    '/ops/../package.json',
    '/ops/..%2foptions.ts',
    '/ops/%2e%2e/ops.ts',
    '/ops/__proto__',
  ]) {
    const answer = await raw(url, path);
    expect(answer).toMatch(/^HTTP\/1\.1 (404|400)/);
  }
});

test('/ops leads to /ops/, by a relative address', async () => {
  const app = express();

  app.use('/a/ops', ops({ redis: file.redis, authorize: () => true, logger: quiet }));
  const { headers, status } = await request(app).get('/a/ops');
  expect({ status, location: headers.location }).toEqual({ status: 308, location: './ops/' });
});

test('whatever an operator names, the answer is no error of the server', async () => {
  const app = opsApp({ redis: file.redis });
  rateLimit({ redis: file.redis, identifier: 'odd', logger: quiet });
  const { get, post } = await operator(app);
  const odd = ['http://x/%', '\u0000\r\nSET x 1', '\ud800', '__proto__', 'sha256-', '🙂'.repeat(900)];
  const on = (client: string) => ({ limiter: 'odd/1m', client, seconds: 1 });
  const answers = await Promise.all(
    odd.flatMap((name) => [
      get('cache', { entry: name }),
      get('limits', on(name)),
      post('limits/block', on(name)),
      post('sessions/end', { user: name, handle: name }),
      post('cache/purge', { tags: [name], urls: [name], keys: [name] }),
    ]),
  );
  for (const body of ['[]', 'null', '{"__proto__":{"user":"x"}}', `${'['.repeat(30_000)}`])
    answers.push(await post('sessions/end').set('Content-Type', 'application/json').send(body));
  expect(answers.filter(({ status }) => status >= 500)).toEqual([]);
});

test('a report that is none, or of another version, does not break the page', async () => {
  const prefix = 'forged:';
  const user = await operator(opsApp({ redis: file.redis, prefix }));
  for (const forged of [
    '[]',
    '{"id":"a","counts":{}}',
    '{"id":"b","counts":{"limits":[null]},"limiters":[3]}',
  ])
    expect(await file.redis.publish(`${prefix}ops-report:`, forged)).toBe(1);
  await file.redis.publish(`${prefix}ops-report:`, JSON.stringify({ id: 'c', counts: {} }));
  const { processes } = await user.state();
  expect(processes).toMatchObject([{ isOwn: true }]);
});

test('long names and long lists are shortened in the report of a process', async () => {
  const prefix = 'long:';
  const { post, state } = await operator(opsApp({ redis: file.redis, prefix }));
  const tags = Array.from({ length: 20 }, (_, i) => `${i} ${'x'.repeat(1_000)}`);
  await post('cache/purge', { tags }).expect(200);
  await withLock(file.redis, 'r'.repeat(100_000), { ttlMs: 5_000, prefix }, async () => {
    const { actions, locks } = await state();
    expect(JSON.stringify(locks).length).toBeLessThan(300);
    expect(actions[0].on.tags).toHaveLength(6);
    expect(actions[0].on.tags[5]).toBe('and 15 more');
    expect(JSON.stringify(actions[0]).length).toBeLessThan(1_000);
  });
});

test('a long name of an operator is shortened in the report', async () => {
  const { post, state } = await operator(opsApp({ redis: file.redis, authorize: () => 'x'.repeat(100_000) }));
  await post('cache/purge', { tags: ['a'] }).expect(200);
  expect(JSON.stringify((await state()).actions[0]).length).toBeLessThan(1_000);
});

test('without any Redis the page is there, says so, and shows its own process', async () => {
  const redis = connectRedis({ url: 'redis://127.0.0.1:1', logger: quiet });
  const { state, get } = await operator(opsApp({ redis }));
  const { redis: health, processes, blocked } = await state();
  expect(health).toMatchObject({ isAvailable: false, cause: expect.stringContaining('Redis') });
  expect(processes).toMatchObject([{ isOwn: true, isSilent: false }]);
  expect(blocked).toBeNull();
  await get('sessions', { user: '7' }).expect(503);
  await closeRedis(redis);
});

function raw({ hostname, port }: URL, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(Number(port), hostname, () =>
      socket.end(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`),
    );
    let answer = '';
    socket.on('data', (bytes) => {
      answer += String(bytes);
    });
    socket.on('end', () => resolve(answer)).on('error', reject);
  });
}
