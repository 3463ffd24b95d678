import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import express from 'express';
import request from 'supertest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cacheResponse } from '../../middleware/cache/cache-response.js';
import { invalidateOn } from '../../middleware/cache/invalidate-on.js';
import type { CacheResponseOptions } from '../../middleware/cache/options.js';
import { rateLimit } from '../../middleware/rate-limit/rate-limit.js';
import { session } from '../../middleware/session/session.js';
import { stack } from '../../middleware/stack/stack.js';
import type { RedisClient } from '../../src/redis/connect.js';

/** What the four middlewares promise together, on every kind of Redis. */
export function middlewaresBehave(open: () => RedisClient): void {
  describe('without a near cache', () => behave(open));
  describe('with a near cache', () => behave(open, { nearCache: { maxBytes: 1_000_000 } }));
}

function behave(open: () => RedisClient, near: Pick<CacheResponseOptions, 'nearCache'> = {}): void {
  let server: Server;
  let reads: number;
  let sessions: ReturnType<typeof session>;

  beforeEach(() => {
    const shared = { redis: open(), prefix: `${randomUUID()}:`, timeoutMs: 1_000 };
    const tags = (req: { params: Record<string, unknown> }) => [`user:${req.params.id}`, 'users'];
    const limit = rateLimit({
      ...shared,
      policies: [
        { name: 'burst', limit: 12, windowMs: 60_000 },
        { name: 'day', limit: 1_000, windowMs: 86_400_000 },
      ],
    });
    sessions = session({
      ...shared,
      secret: 'secret',
      user: (of) => (of as { userId?: string }).userId,
      maxPerUser: 3,
    });
    const names = new Map([['7', 'Ann']]);
    reads = 0;
    const app = express();
    app.post('/login', sessions, (req, res) => {
      Object.assign(req.session, { userId: 'ann' });
      res.json({});
    });
    app.post('/logout', sessions, (req, res, next) => {
      req.session.destroy((error) => (error ? next(error) : res.json({})));
    });
    app.get(
      '/me',
      sessions,
      (req, res) => void res.json({ userId: (req.session as { userId?: string }).userId ?? null }),
    );
    app.get(
      '/users/:id',
      stack(limit, sessions, cacheResponse({ ...shared, ...near, ttlSeconds: 60, tags })),
      (req, res) => {
        reads++;
        res.json({ name: names.get(req.params.id as string) });
      },
    );
    app.patch('/users/:id/:name', stack(limit, sessions), invalidateOn({ ...shared, tags }), (req, res) => {
      names.set(req.params.id as string, req.params.name as string);
      res.status(204).end();
    });
    server = app.listen(0);
  });
  afterEach(() => void server.close());

  describe('the middlewares', () => {
    test('a miss, then hits, then what was changed and not what was cached', async () => {
      expect((await request(server).get('/users/7')).body).toEqual({ name: 'Ann' });
      await expect
        .poll(async () => (await request(server).get('/users/7')).headers['cache-status'])
        .toContain('hit');
      const before = reads;
      await request(server).get('/users/7');
      expect(reads).toBe(before);
      await request(server).patch('/users/7/Eve').expect(204);
      expect((await request(server).get('/users/7')).body).toEqual({ name: 'Eve' });
    });

    test('exactly the limit is admitted of requests that arrive at once', async () => {
      const answers = await Promise.all(Array.from({ length: 30 }, () => request(server).get('/users/7')));
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(12);
      expect(answers.filter(({ status }) => status === 429)).toHaveLength(18);
    });

    test('a session is found by every later request until its logout', async () => {
      const { headers } = await request(server).post('/login');
      const ask = (method: 'get' | 'post', path: string) =>
        request(server)[method](path).set('Cookie', headers['set-cookie']![0]!).expect(200);
      const users: unknown[] = [];
      for (let reads = 0; reads < 5; reads++) users.push((await ask('get', '/me')).body.userId);
      expect(users).toEqual(Array.from(users, () => 'ann'));
      await ask('post', '/logout');
      expect((await ask('get', '/me')).body.userId).toBeNull();
      expect(await sessions.list('ann')).toEqual([]);
    });

    test('a session lives from login to "log out everywhere"', async () => {
      const cookies = await Promise.all(
        ['phone', 'laptop'].map(
          async () => (await request(server).post('/login')).headers['set-cookie']![0]!,
        ),
      );
      const whoAmI = async (cookie: string) =>
        (await request(server).get('/me').set('Cookie', cookie)).body.userId;
      expect(await Promise.all(cookies.map(whoAmI))).toEqual(['ann', 'ann']);
      const listed = await sessions.list('ann');
      expect(listed).toHaveLength(2);
      expect(await sessions.destroy('ann', listed[0]!.handle)).toBe(true);
      expect(await sessions.destroyAll('ann')).toBe(1);
      expect(await Promise.all(cookies.map(whoAmI))).toEqual([null, null]);
    });

    test('of more logins at once than a user may have sessions, as many as he may remain', async () => {
      await Promise.all(Array.from({ length: 8 }, () => request(server).post('/login')));
      expect(await sessions.list('ann')).toHaveLength(3);
      expect(await sessions.destroyAll('ann')).toBe(3);
    });
  });
}
