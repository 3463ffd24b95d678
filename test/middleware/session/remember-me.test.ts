import { expect, test } from 'vitest';
import { SessionCookie } from '../../../middleware/session/cookie/cookie.js';
import { gate, redisForFile } from '../support/redis-for-file.js';
import { keyOf } from './support/session-age.js';
import { data, serveSessions } from './support/session-client.js';

const file = redisForFile();
const HOUR = 3_600_000;

test('a request that runs while another one sets cookie.maxAge does not undo the longer timeout', async () => {
  const [arrived, remembered] = [gate(), gate()];
  const { client } = await serveSessions({ redis: file.redis, idleTimeoutMs: 60_000 }, (app) => {
    app.get('/start', (req, res) => {
      data(req).x = 1;
      res.send(req.sessionID);
    });
    app.get('/slow', async (req, res) => {
      data(req).y = data(req).x;
      arrived.open();
      await remembered.passed;
      res.end();
    });
    app.get('/remember', (req, res) => {
      req.session.cookie.maxAge = HOUR;
      data(req).u = 1;
      res.end();
    });
    app.get('/forget', (req, res) => {
      req.session.cookie.maxAge = null;
      res.end();
    });
  });
  const one = client();
  const key = keyOf((await one.get('/start')).text);
  const slow = one.get('/slow');
  await arrived.passed;
  await one.get('/remember');
  remembered.open();
  await slow;
  expect(await file.redis.hget(key, 'y')).toBe('1');
  expect(await file.redis.pttl(key)).toBeGreaterThan(HOUR - 30_000);
  await one.get('/forget');
  expect(await file.redis.pttl(key)).toBeLessThanOrEqual(60_000);
});

test.each([
  ['maxAge', Number.NaN],
  ['maxAge', 1e300],
  ['expires', new Date(Number.NaN)],
  ['originalMaxAge', Number.NaN],
  ['path', 'admin'],
  ['path', '/a;b'],
  ['domain', 'https://example.com'],
] as const)(
  'assigning an invalid attribute fails the request and leaves the stored session unchanged: cookie.%s = %s',
  async (name, value) => {
    const { client } = await serveSessions({ redis: file.redis }, (app) => {
      app.get('/start', (req, res) => {
        data(req).x = 1;
        res.send(req.sessionID);
      });
      app.get('/break', (req, res) => {
        Object.assign(req.session.cookie, { [name]: value });
        data(req).x = 2;
        res.end();
      });
    });
    const before = new Set(await file.redis.keys('*'));
    expect(await client().get('/break')).toMatchObject({ status: 500, cookie: undefined });
    expect((await file.redis.keys('*')).filter((key) => !before.has(key))).toEqual([]);
    const one = client();
    const key = keyOf((await one.get('/start')).text);
    const meta = await file.redis.hget(key, '@meta');
    expect((await one.get('/break')).status).toBe(500);
    expect(await file.redis.hmget(key, 'x', '@meta')).toEqual(['1', meta]);
  },
);

test('the error for an invalid cookie lifetime names the attribute and the value', () => {
  const cookie = new SessionCookie();
  const maxAge = () => Object.assign(cookie, { maxAge: Number(undefined) });
  expect(maxAge).toThrow(
    'session: cookie.maxAge must be a number of milliseconds, a valid Date or null, not NaN',
  );
  expect(() => Object.assign(cookie, { expires: new Date('x') })).toThrow(/cookie\.expires .*Invalid Date/);
});
