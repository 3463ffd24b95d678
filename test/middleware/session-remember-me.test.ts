import { expect, test } from 'vitest';
import { gate, redisForFile } from './redis-for-file.js';
import { keyOf } from './session-age.js';
import { data, serveSessions } from './session-client.js';

const file = redisForFile();
const HOUR = 3_600_000;

test('a request that ran while another set cookie.maxAge leaves the longer timeout alone', async () => {
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
