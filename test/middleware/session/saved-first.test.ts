import { expect, test } from 'vitest';
import { sized } from '../../support/size.js';
import { redisForFile, throughProxy } from '../support/redis-for-file.js';
import { type Client, data, serveSessions } from './support/session-client.js';

const file = redisForFile();
const ROUNDS = sized({ quick: 50, full: 1_000 });

test('a redirect followed at once always finds the session, behind a Redis that is 20 ms away', {
  timeout: 60_000,
}, async () => {
  const { proxy, redis } = await throughProxy(file.server);
  proxy.delay(20);
  const { client } = await serveSessions({ redis }, (app) => {
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

/** An app that changes the session in every way of answering, and Redis gone just before the save. */
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
    app.get('/awaited', async (req, res) => {
      await req.session.save();
      res.send('done');
    });
  });
  const one = client();
  await prepare(one);
  return one;
}

test.each(['send', 'redirect', 'head', 'stream', 'unawaited'])(
  'after a save that failed the error handler answers alone, without a cookie: %s',
  async (way) => {
    const answer = await (await serveAndLose()).get(`/${way}`);
    expect(answer).toMatchObject({ status: 503, text: '{"error":"REDIS_UNAVAILABLE"}', cookie: undefined });
    expect(answer.headers.getSetCookie()).toEqual([]);
    expect(answer.headers.get('location')).toBeNull();
  },
);

test('so it is for a session that existed, and for a logout that nobody waited for', async () => {
  for (const way of ['send', 'destroy']) {
    const one = await serveAndLose((client) => client.get('/start'));
    expect(await one.get(`/${way}`)).toMatchObject({ status: 503, cookie: undefined });
  }
});

test('a callback is told, and may answer with an error of its own', async () => {
  const answer = await (await serveAndLose()).get('/callback');
  expect(answer).toMatchObject({ status: 418, text: 'REDIS_UNAVAILABLE', cookie: undefined });
});

test.each(['careless', 'careless-logout', 'awaited'])(
  'no handler can answer as if it had been stored, and the error is handled once: %s',
  async (way) => {
    const answer = await (await serveAndLose((one) => one.get('/start'))).get(`/${way}`);
    expect(answer).toMatchObject({ status: 503, text: '{"error":"REDIS_UNAVAILABLE"}', cookie: undefined });
  },
);

test('what cannot be stored goes to the error handler', async () => {
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

test('property names that reach the prototype are refused', async () => {
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

test('what a handler changes after its first byte is saved as well', async () => {
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

test('without Redis: 503 before the handler, or an anonymous session whose changes are not confirmed', async () => {
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
