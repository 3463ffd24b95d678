import { expect, test } from 'vitest';
import { forwards } from '../../support/forwards.js';
import { sized } from '../../support/size.js';
import { redisForFile, throughProxy } from '../support/redis-for-file.js';
import { type Client, data, serveSessions } from './support/session-client.js';

const file = redisForFile();
const ROUNDS = sized({ quick: 50, full: 1_000 });

test('a redirect that is followed at once always finds the session, with Redis 20 ms away', {
  timeout: 60_000,
}, async () => {
  const { proxy, redis } = await throughProxy(file.server);
  proxy.delay(20);
  const { client } = await serveSessions({ redis, timeoutMs: 10_000 }, (app) => {
    app.get('/login', (req, res) => {
      data(req).user = 'u';
      res.redirect('/home');
    });
    app.get('/home', (req, res) => res.send(data(req).user ?? 'nobody'));
  });
  const found: string[] = [];
  const browse = async () => {
    const one = client();
    const { headers } = await one.get('/login');
    found.push((await one.get(headers.get('location')!)).text);
  };
  for (let n = 0; n < ROUNDS; n += 50) await Promise.all(Array.from({ length: 50 }, browse));
  expect(found).toEqual(Array(ROUNDS).fill('u'));
});

/** An app whose routes answer in different ways. Redis goes away just before the session is saved. */
async function serveAndLose(prepare: (one: Client) => Promise<unknown> = async () => {}) {
  const { proxy, redis } = await throughProxy(file.server);
  const { client } = await serveSessions({ redis, timeoutMs: 150 }, (app) => {
    app.get('/start', (req, res) => {
      data(req).start = 1;
      res.end();
    });
    app.use((req, _res, next) => {
      data(req).changed = true;
      proxy.swallow();
      next();
    });
    app.get('/send', (_req, res) => res.cookie('other', '1').send('done'));
    app.get('/redirect', (_req, res) => res.redirect('/home'));
    app.get('/head', (_req, res) => void res.writeHead(201, { 'Set-Cookie': ['a=1'] }).end('done'));
    app.get('/stream', (_req, res) => {
      res.write('one');
      res.end('two');
    });
    app.get('/unawaited', (req, res) => {
      void req.session.save();
      res.send('done');
    });
    app.get('/destroy', (req, res) => {
      void req.session.destroy();
      res.send('done');
    });
    app.get('/callback', (req, res) => {
      void req.session.save((error) => res.status(418).send((error as { code: string }).code));
    });
    app.get('/careless', (req, res) => void req.session.save(() => res.send('done')));
    app.get('/careless-logout', (req, res) => void req.session.destroy(() => res.send('done')));
    app.get(
      '/awaited',
      forwards(async (req, res) => {
        await req.session.save();
        res.send('done');
      }),
    );
  });
  const one = client();
  await prepare(one);
  return one;
}

test.each(['send', 'redirect', 'head', 'stream', 'unawaited'])(
  'after a failed save only the error handler answers, without a cookie, when the handler responds by %s',
  async (way) => {
    const answer = await (await serveAndLose()).get(`/${way}`);
    expect(answer).toMatchObject({ status: 503, text: '{"error":"REDIS_UNAVAILABLE"}', cookie: undefined });
    expect(answer.headers.getSetCookie()).toEqual([]);
    expect(answer.headers.get('location')).toBeNull();
  },
);

test('a failed save of an existing session and a failed logout that is not awaited end in a 503', async () => {
  for (const way of ['send', 'destroy']) {
    const one = await serveAndLose((client) => client.get('/start'));
    expect(await one.get(`/${way}`)).toMatchObject({ status: 503, cookie: undefined });
  }
});

test('the callback of a failed save receives the error and may answer with an error of its own', async () => {
  const answer = await (await serveAndLose()).get('/callback');
  expect(answer).toMatchObject({ status: 418, text: 'REDIS_UNAVAILABLE', cookie: undefined });
});

test.each(['careless', 'careless-logout', 'awaited'])(
  'a handler that ignores a failed save cannot answer 200, and the error is handled once: %s',
  async (way) => {
    const answer = await (await serveAndLose((one) => one.get('/start'))).get(`/${way}`);
    expect(answer).toMatchObject({ status: 503, text: '{"error":"REDIS_UNAVAILABLE"}', cookie: undefined });
  },
);

test('a value that cannot be stored goes to the error handler', async () => {
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const values: Record<string, () => unknown> = {
    circular: () => circular,
    bigint: () => 10n,
    throwing: () => ({
      toJSON() {
        throw new Error('toJSON');
      },
    }),
    large: () => 'x'.repeat(70_000),
  };
  const { client } = await serveSessions({ redis: file.redis }, (app) => {
    app.get('/:value', (req, res) => {
      data(req).value = values[req.params.value]!();
      res.send('done');
    });
  });
  for (const value of Object.keys(values)) {
    expect(await client().get(`/${value}`)).toMatchObject({ status: 500, cookie: undefined });
  }
  expect((await client().get('/large')).text).toContain('SESSION_TOO_LARGE');
});

test('session property names that reach the prototype are refused', async () => {
  const { client } = await serveSessions({ redis: file.redis }, (app) => {
    app.get('/', (req, res) => {
      Object.assign(data(req), JSON.parse(String(req.query.json)));
      res.json({ admin: data(req).admin ?? null, save: typeof data(req).save });
    });
  });
  for (const json of [
    '{"__proto__":{"admin":true}}',
    '{"constructor":{"prototype":{}}}',
    '{"@meta":"1 2 3 4"}',
  ]) {
    const answer = await client().get(`/?json=${encodeURIComponent(json)}`);
    expect(answer).toMatchObject({ status: 500, text: '{"error":"SESSION_PROPERTY_REFUSED"}' });
  }
  expect(({} as { admin?: boolean }).admin).toBeUndefined();
});

test('a change that a handler makes after its first byte is saved', async () => {
  const { client } = await serveSessions({ redis: file.redis }, (app) => {
    app.get('/start', (req, res) => {
      data(req).start = 1;
      res.writeHead(200);
      res.write('begun');
      data(req).later = 2;
      res.end();
    });
    app.get('/show', (req, res) => res.json(data(req)));
  });
  const one = client();
  await one.get('/start');
  expect(JSON.parse((await one.get('/show')).text)).toMatchObject({ start: 1, later: 2 });
});

test('without Redis a request gets a 503, or with onUnavailable: anonymous an empty session whose changes are refused', async () => {
  const { proxy, redis } = await throughProxy(file.server);
  const routes = (app: import('express').Express) =>
    app.get('/', (req, res) => {
      const known = data(req).user ?? 'nobody';
      data(req).user = 'u';
      res.send(known);
    });
  const strict = await serveSessions({ redis, timeoutMs: 150 }, routes);
  const lenient = await serveSessions({ redis, timeoutMs: 150, onUnavailable: 'anonymous' }, routes);
  const one = strict.client();
  await one.get('/');
  expect((await lenient.client(one.cookie).get('/')).text).toBe('u');
  proxy.swallow();
  expect(await one.get('/')).toMatchObject({ status: 503 });
  expect(await lenient.client(one.cookie).get('/')).toMatchObject({
    status: 503,
    text: '{"error":"REDIS_UNAVAILABLE"}',
    cookie: undefined,
  });
});
