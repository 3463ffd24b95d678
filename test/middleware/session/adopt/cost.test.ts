import { expect, test } from 'vitest';
import { countedRedis } from '../../support/counted-redis.js';
import { clientOf } from '../support/session-client.js';
import { at, serveNew, serveOld } from './support/both-apps.js';

test('the first request of an old session takes one round trip more than later ones', async () => {
  const { redis, proxy, costOf } = await countedRedis();
  const old = await serveOld(`redis://127.0.0.1:${proxy.port}`);
  const warm = clientOf(old);
  const browser = clientOf(old);
  for (const each of [warm, browser]) await each.get('/login?user=u');
  const { url } = await serveNew(redis);
  // Redis learns the scripts.
  await at(url, warm).get('/show');
  const moved = at(url, browser);
  const { commands, writes } = await costOf(() => moved.get('/show'));
  expect({ commands, writes }).toEqual({ commands: Array(5).fill('evalsha'), writes: 2 });
  expect(await costOf(() => moved.get('/show'))).toMatchObject({
    commands: ['exists', 'hgetall'],
    writes: 1,
  });
  const own = clientOf(url);
  await own.get('/set/a');
  expect((await costOf(() => own.get('/show'))).writes).toBe(1);
});

test('without a cookie Redis is asked nothing', async () => {
  const { redis, costOf } = await countedRedis();
  const { url } = await serveNew(redis);
  expect((await costOf(() => clientOf(url).get('/show'))).commands).toEqual([]);
});
