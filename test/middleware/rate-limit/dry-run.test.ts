import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import express from 'express';
import type { Redis } from 'ioredis';
import request from 'supertest';
import { expect, test } from 'vitest';
import { rateLimit } from '../../../middleware/rate-limit/rate-limit.js';
import { stack } from '../../../middleware/stack/stack.js';
import { closeRedis, connectRedis, ping } from '../../../src/redis/connect.js';
import { clientForFile } from '../../support/client-for-file.js';
import { limitedApp } from './support/limited-app.js';

let redis: Redis;
clientForFile((own) => {
  redis = own;
});
const keyGenerator = () => 'me';
const quiet = { info() {}, warn() {}, error() {} };
const CHANNEL = 'express-redis-toolkit:dry-run';

test('a dry run refuses nobody, and publishes and logs what it would refuse', async () => {
  const events: { admitted: boolean }[] = [];
  const note = (event: unknown) => void events.push(event as { admitted: boolean });
  subscribe(CHANNEL, note);
  const { app, logged } = limitedApp({ redis, limit: 2, keyGenerator, dryRun: true }, (req, res) => {
    res.json({ property: 'rateLimit' in req });
  });
  for (let i = 0; i < 5; i++) {
    const { status, headers, body } = await request(app).get('/');
    expect([status, headers.ratelimit, headers['retry-after'], body.property]).toEqual([
      200,
      undefined,
      undefined,
      false,
    ]);
  }
  unsubscribe(CHANNEL, note);
  expect(events.map(({ admitted }) => admitted)).toEqual([true, true, false, false, false]);
  expect(logged).toMatchObject([{ refusals: 1, message: expect.stringContaining('dry run') }]);
});

test('a dry run and an enforced limit of the same name count apart, in one stack', async () => {
  const prefix = `dry-${process.pid}:`;
  const enforced = rateLimit({ redis, prefix, limit: 3, keyGenerator });
  const tried = rateLimit({ redis, prefix, limit: 1, keyGenerator, dryRun: true });
  const app = express();
  app.use(stack(enforced, tried), (_req, res) => void res.send('ok'));
  const statuses = [];
  for (let i = 0; i < 4; i++) statuses.push((await request(app).get('/')).status);
  expect(statuses).toEqual([200, 200, 200, 429]);
  expect([(await enforced.peek('me')).used, (await tried.peek('me')).used]).toEqual([3, 1]);
});

test.each([
  [
    'throws',
    () => {
      throw new Error('boom');
    },
  ],
  [
    'rejects',
    async () => {
      throw new Error('boom');
    },
  ],
  ['returns nonsense', () => ({}) as never],
])(
  'a request goes on when the keyGenerator of a dry run %s, and that is logged once',
  async (_name, broken) => {
    const { app, logged } = limitedApp({ redis, keyGenerator: broken, dryRun: true });
    for (let i = 0; i < 2; i++) await request(app).get('/').expect(200);
    expect(logged.map(({ message }) => message)).toEqual([
      'rateLimit: a dry run failed; it does not count such requests',
    ]);
  },
);

test('a dry run in a stack reads what an earlier part of the stack sets', async () => {
  const setUser: express.RequestHandler = (req, _res, next) => {
    Object.assign(req, { user: { id: 'ann' } });
    next();
  };
  const logged: string[] = [];
  const logger = {
    warn: () => undefined,
    error: (_fields: object, message: string) => void logged.push(message),
  };
  const tried = rateLimit({
    redis,
    prefix: `dry-user-${process.pid}:`,
    logger,
    dryRun: true,
    keyGenerator: (req) => (req as unknown as { user: { id: string } }).user.id,
  });
  const app = express();
  app.use(stack(setUser, tried), (_req, res) => void res.send('ok'));
  await request(app).get('/').expect(200);
  expect((await tried.peek('ann')).used).toBe(1);
  expect(logged).toEqual([]);
});

test('a dry run that is closed without Redis lets requests pass', async () => {
  const away = connectRedis('redis://127.0.0.1:1');
  away.on('error', () => undefined);
  const { app } = limitedApp({ redis: away, keyGenerator, dryRun: true, onUnavailable: 'closed' });
  await request(app).get('/').expect(200);
  await closeRedis(away);
});

test('a keyGenerator that fails because Redis is away is no failure of the dry run', async () => {
  const away = connectRedis({ url: 'redis://127.0.0.1:1', logger: quiet });
  const asking = async () => {
    await ping(away);
    return 'me';
  };
  const { app, logged } = limitedApp({ redis, keyGenerator: asking, dryRun: true });
  await request(app).get('/').expect(200);
  expect(logged).toEqual([]);
  await closeRedis(away);
});

test('a dry run that is asked again after a failure counts the second answer', async () => {
  let calls = 0;
  const failsOnce = () => {
    calls += 1;
    if (calls === 1) throw new Error('boom');
    return 'me';
  };
  const errors: string[] = [];
  const logger = { ...quiet, error: (_fields: object, message: string) => void errors.push(message) };
  const prefix = `dry-again-${process.pid}:`;
  const tried = rateLimit({ redis, prefix, logger, dryRun: true, keyGenerator: failsOnce });
  const app = express();
  app.use(
    stack(tried, (_req, _res, next) => next()),
    (_req, res) => void res.send('ok'),
  );
  await request(app).get('/').expect(200);
  expect(calls).toBe(2);
  expect(errors).toEqual([]);
  expect((await tried.peek('me')).used).toBe(1);
});

test('a dry run gives back what skipFailedRequests says', async () => {
  const prefix = `dry-refund-${process.pid}:`;
  const tried = rateLimit({ redis, prefix, keyGenerator, dryRun: true, skipFailedRequests: true });
  const app = express();
  app.get('/:status', tried, (req, res) => void res.status(Number(req.params.status)).end());
  await request(app).get('/200');
  await request(app).get('/500');
  await expect.poll(async () => (await tried.peek('me')).used).toBe(1);
});

test('a dry run that is mounted twice counts a request once, and many refusals are one line', async () => {
  const logged: object[] = [];
  const logger = { ...quiet, warn: (fields: object) => void logged.push(fields) };
  const prefix = `dry-twice-${process.pid}:`;
  const options = { redis, prefix, keyGenerator, logger, dryRun: true, identifier: 'api' };
  const tried = rateLimit({ ...options, limit: 2 });
  const app = express();
  app.use(tried, tried, (_req, res) => void res.send('ok'));
  await request(app).get('/').expect(200);
  expect((await tried.peek('me')).used).toBe(1);
  for (let i = 0; i < 3; i++) await request(app).get('/').expect(200);
  expect(logged).toEqual([{ refusals: 1, identifier: 'api' }]);
});
