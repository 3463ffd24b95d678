import express, { type RequestHandler } from 'express';
import { expect, test } from 'vitest';
import { cacheResponse } from '../../../middleware/cache/cache-response.js';
import { invalidateOn } from '../../../middleware/cache/invalidate-on.js';
import { session } from '../../../middleware/session/session.js';
import { stack } from '../../../middleware/stack/stack.js';
import { eventually } from '../../support/eventually.js';
import { ask } from '../cache/support/cache-client.js';
import { quiet, redisForFile, serve } from '../support/redis-for-file.js';
import { clientOf, data, SECRET, tellError } from './support/session-client.js';

const file = redisForFile();
const row = { value: 0 };

async function serveBoth(order: 'session first' | 'invalidation first') {
  const common = { redis: file.redis, logger: quiet };
  const sessions = session({ ...common, secret: SECRET });
  const invalidation = invalidateOn({ ...common, tags: () => ['row'] });
  const pair = order === 'session first' ? [sessions, invalidation] : [invalidation, sessions];
  const change: RequestHandler = (req, res) => {
    row.value += 1;
    if (req.query.bad) data(req).bad = 10n;
    else data(req).changed = row.value;
    res.json({ value: row.value });
  };
  const app = express();
  app.get('/row', cacheResponse({ ...common, ttlSeconds: 60, tags: () => ['row'] }), (_req, res) => {
    res.json({ value: row.value });
  });
  app.patch('/plain', ...pair, change);
  app.patch('/stack', stack(...pair), change);
  app.get('/me', sessions, (req, res) => void res.json(data(req).changed ?? null));
  app.use(tellError);
  return serve(app);
}

test.each(['session first', 'invalidation first'] as const)(
  'a mutation that changes the session is purged and saved before it is answered: %s',
  async (order) => {
    const url = await serveBoth(order);
    for (const path of ['/plain', '/stack']) {
      await eventually('a hit', async () => (await ask(url, '/row')).hit);
      const one = clientOf(url);
      expect((await one.get(path, { method: 'PATCH' })).status).toBe(200);
      expect((await one.get('/me')).text).toBe(String(row.value));
      expect(JSON.parse(String((await ask(url, '/row')).body))).toEqual({ value: row.value });
    }
  },
);

test.each(['session first', 'invalidation first'] as const)(
  'when the session cannot be saved, the purge is still done and the client gets the error: %s',
  async (order) => {
    const url = await serveBoth(order);
    for (const path of ['/plain', '/stack']) {
      await eventually('a hit', async () => (await ask(url, '/row')).hit);
      const answer = await clientOf(url).get(`${path}?bad=1`, {
        method: 'PATCH',
        signal: AbortSignal.timeout(3000),
      });
      expect(answer).toMatchObject({ status: 500, cookie: undefined });
      expect(JSON.parse(String((await ask(url, '/row')).body))).toEqual({ value: row.value });
      await eventually('a hit', async () => (await ask(url, '/row')).hit);
    }
  },
);
