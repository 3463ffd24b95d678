import type { Express, RequestHandler } from 'express';
import express from 'express';
import { expect, test } from 'vitest';
import { cacheResponse } from '../../../middleware/cache/cache-response.js';
import { session } from '../../../middleware/session/session.js';
import { data, SECRET } from '../session/support/session-client.js';
import { quiet, redisForFile, serve } from '../support/redis-for-file.js';
import { ask } from './support/cache-client.js';

const file = redisForFile();

/** Stands for `passport.session()`: it reads the session of each request. */
const readsSession: RequestHandler = (req, _res, next) => next(void data(req).user);

async function appIn(env: string, before: (app: Express) => void) {
  const warnings: object[] = [];
  const logger = { ...quiet, warn: (fields: object) => void warnings.push(fields) };
  const app = express().set('env', env);
  before(app);
  const cached = cacheResponse({ redis: file.redis, ttlSeconds: 60, logger });
  for (const path of ['/users/:id', '/items/:id']) app.get(path, cached, (_req, res) => void res.send('x'));
  const url = await serve(app);
  return { warnings, ask: (path: string, headers = {}) => ask(url, path, { headers }) };
}

const withSession = (app: Express) =>
  void app.use(session({ redis: file.redis, secret: SECRET, logger: quiet }), readsSession);
const withUser = (app: Express) =>
  void app.use((req, _res, next) => {
    if (req.headers['x-user']) Object.assign(req, { user: { id: 1 } });
    next();
  });

test('in development, a middleware that reads each session before the cache is explained once per route', async () => {
  const app = await appIn('development', withSession);
  for (let id = 0; id < 10; id++)
    for (const kind of ['users', 'items']) await app.ask(`/${kind}/${id}?secret=1`);
  const notice = { code: 'CACHE_ALWAYS_PERSONAL', detail: 'session-before' };
  expect(app.warnings).toEqual([
    { ...notice, url: '/users/2', route: '/users/:id' },
    { ...notice, url: '/items/2', route: '/items/:id' },
  ]);
});

test('in production, nothing is explained', async () => {
  const app = await appIn('production', withSession);
  for (let id = 0; id < 10; id++) await app.ask(`/users/${id}`);
  expect(app.warnings).toEqual([]);
});

test('a route is not explained when one of its first requests could be anybody’s', async () => {
  const app = await appIn('development', withUser);
  await app.ask('/users/1', { 'x-user': 'ann' });
  await app.ask('/users/2');
  for (let id = 3; id < 10; id++) await app.ask(`/users/${id}`, { 'x-user': 'ann' });
  expect(app.warnings).toEqual([]);
  for (let id = 3; id < 10; id++) await app.ask(`/items/${id}`, { 'x-user': 'ann' });
  expect(app.warnings).toMatchObject([{ detail: 'user', route: '/items/:id' }]);
});
