import express from 'express';
import request from 'supertest';
import { expect, test } from 'vitest';
import { cacheResponse } from '../../../middleware/cache/cache-response.js';
import { invalidateOn } from '../../../middleware/cache/invalidate-on.js';
import { GroupMembers } from '../../../src/tags/group-members.js';
import { eventually } from '../../support/eventually.js';
import { quiet, redisForFile, serve, throughProxy } from '../support/redis-for-file.js';

const file = redisForFile();

async function serveGroups(prefix: string, redis = file.redis) {
  const common = { logger: quiet, prefix, purgeSharedGroups: true };
  const app = express();
  app.get(/.*/, cacheResponse({ ...common, redis: file.redis, timeoutMs: 2_000 }), (_req, res) => {
    res.set({ 'Cache-Control': 'max-age=60', 'Cache-Groups': '"g"' }).end();
  });
  app.post(/.*/, invalidateOn({ ...common, redis, timeoutMs: 300 }), (_req, res) => void res.end());
  const url = await serve(app);
  const isHit = async (path: string) =>
    (await request(url).get(path)).headers['cache-status']!.includes('hit');
  for (const path of ['/x', '/p']) await eventually('a hit', () => isHit(path));
  return { isHit, change: () => request(url).post('/x').expect(200) };
}

test('behind invalidateOn a change of a URL ends the responses that share its groups', async () => {
  const { isHit, change } = await serveGroups('on:');
  await change();
  expect([await isHit('/x'), await isHit('/p')]).toEqual([false, false]);
});

test('when the groups cannot be read, everything is purged as soon as Redis is back', async () => {
  const { proxy, redis } = await throughProxy(file.server);
  const { isHit, change } = await serveGroups('away:', redis);
  // The mark is set before; what the end of the change sends gets no answer.
  let sent = 0;
  const sendCommand = redis.sendCommand.bind(redis);
  redis.sendCommand = (command, ...more) => {
    if (command.name === 'zrange' && sent++ === 0) proxy.swallow();
    return sendCommand(command, ...more);
  };
  await change();
  proxy.thaw();
  await eventually('a miss', async () => !(await isHit('/p')));
  expect(sent).toBe(1);
});

test('of more groups than are remembered for a URL everything remains', async () => {
  const members = new GroupMembers(file.redis, { prefix: 'many:', timeoutMs: 2_000 });
  const groups = Array.from({ length: 600 }, (_, n) => `group:https://a.test/${n}`);
  await members.remember(['url:/x', '*', 'row:1', ...groups], 60_000);
  expect(await members.of(['url:/x'])).toHaveLength(600);
  await members.remember(['url:/x', ...groups.map((group) => `${group}b`)], 1_000);
  expect(await members.of(['url:/x', 'row:1'])).toEqual(['*']);
  expect(await file.redis.pttl('many:cache-groups:url:/x')).toBeGreaterThan(50_000);
});

test('groups of responses that are not stored any more are forgotten', async () => {
  const members = new GroupMembers(file.redis, { prefix: 'past:', timeoutMs: 2_000 });
  await members.remember(['url:/x', 'group:https://a.test/new'], 60_000);
  await members.remember(['url:/x', 'group:https://a.test/old'], 1);
  await eventually('the time', async () => {
    await members.remember(['url:/x', 'group:https://a.test/new'], 60_000);
    return (await members.of(['url:/x'])).length === 1;
  });
  expect(await members.of(['url:/x'])).toEqual(['group:https://a.test/new']);
});
