import { expect, test } from 'vitest';
import { ping } from '../../../src/redis/connect.js';
import { eventually } from '../../support/eventually.js';
import { redisForFile, throughProxy } from '../support/redis-for-file.js';
import { data, serveSessions } from './support/session-client.js';

const file = redisForFile();

/** An app with onUnavailable: anonymous behind a proxy that can freeze Redis, and a client that is logged in. */
async function serveAnonymous(given: { saveUninitialized?: boolean; rolling?: boolean } = {}) {
  const { proxy, redis } = await throughProxy(file.server);
  const options = { redis, timeoutMs: 150, onUnavailable: 'anonymous', ...given } as const;
  const { client } = await serveSessions(options, (app) => {
    app.get('/show', (req, res) => void res.send(data(req).user ?? 'nobody'));
    app.get('/set', (req, res) => {
      data(req).user = 'ann';
      res.send('done');
    });
    app.get('/destroy', async (req, res) => {
      await req.session.destroy().catch(() => undefined);
      res.send('done');
    });
    app.get('/regenerate', async (req, res) => {
      await req.session.regenerate();
      res.send('done');
    });
    app.get('/recovered', async (req, res) => {
      proxy.thaw();
      await eventually('Redis answers', () =>
        ping(redis, { timeoutMs: 100 }).then(
          () => true,
          () => false,
        ),
      );
      await req.session.regenerate();
      data(req).user = 'bob';
      await req.session.save();
      res.redirect('/show');
    });
  });
  const one = client();
  await one.get('/set');
  return { proxy, one };
}

test.each(['/set', '/destroy', '/regenerate'])(
  'an anonymous session confirms no change that Redis did not store: %s',
  async (path) => {
    const { proxy, one } = await serveAnonymous();
    proxy.freeze();
    expect(await one.get(path)).toMatchObject({
      status: 503,
      text: '{"error":"REDIS_UNAVAILABLE"}',
      cookie: undefined,
    });
  },
);

test('a request that changes nothing is answered from an anonymous session, and the cookie is not replaced', async () => {
  const { proxy, one } = await serveAnonymous({ saveUninitialized: true, rolling: true });
  proxy.freeze();
  expect(await one.get('/show')).toMatchObject({ status: 200, text: 'nobody', cookie: undefined });
});

test('a session that is regenerated after Redis has recovered is stored, and its cookie is sent', async () => {
  const { proxy, one } = await serveAnonymous();
  const before = one.cookie;
  proxy.freeze();
  expect(await one.get('/recovered')).toMatchObject({ status: 302, cookie: expect.any(String) });
  expect((await one.get('/show')).text).toBe('bob');
  expect((await one.get('/show', { headers: { cookie: before } })).text).toBe('nobody');
});
