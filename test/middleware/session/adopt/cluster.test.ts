import { sign } from 'cookie-signature';
import { Cluster } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { closeRedis } from '../../../../src/redis/connect.js';
import { startCluster } from '../../../support/cluster.js';
import { patient } from '../../../support/patient.js';
import { clientOf, SECRET } from '../support/session-client.js';
import { at, serveNew, shown } from './support/both-apps.js';

async function onCluster() {
  const cluster = await startCluster();
  const redis = patient(new Cluster(cluster.addresses));
  onTestFinished(async () => {
    await closeRedis(redis);
    await cluster.stop();
  });
  const oldSession = async (id: string, user: string) => {
    const cookie = { originalMaxAge: 600_000, expires: new Date(Date.now() + 600_000).toISOString() };
    await redis.set(`sess:${id}`, JSON.stringify({ cookie, user }), 'EX', 600);
    return clientOf('', `connect.sid=s%3A${encodeURIComponent(sign(id, SECRET))}`);
  };
  return { redis, oldSession };
}

test('in a Cluster, where both copies lie on different nodes, sessions are adopted, ended and removed', async () => {
  const { redis, oldSession } = await onCluster();
  const [one, removing] = [await serveNew(redis), await serveNew(redis, { adopt: { remove: true } })];
  const ids = Array.from({ length: 6 }, (_, n) => `id-${n}`);
  const browsers = await Promise.all(ids.map((id) => oldSession(id, `user-${id}`)));
  for (const [n, browser] of browsers.entries()) {
    const moved = at((n % 2 ? removing : one).url, browser);
    expect(await shown(moved)).toEqual({ user: `user-id-${n}` });
    expect(await redis.exists(`sess:id-${n}`)).toBe(n % 2 ? 0 : 1);
  }
  await at(one.url, browsers[0]!).get('/logout');
  expect(await one.sessions.destroyAll('user-id-2')).toBe(1);
  await redis.del('sess:id-4');
  for (const n of [0, 2, 4]) {
    expect(await redis.exists(`sess:id-${n}`)).toBe(0);
    await oldSession(`id-${n}`, 'again');
    if (n !== 4) expect(await shown(at(one.url, browsers[n]!))).toEqual({});
  }
  await redis.del('sess:id-4');
  expect(await shown(at(one.url, browsers[4]!))).toEqual({});
});

test('in a Cluster destroyAll refuses old copies that were saved before it, and mirrored copies are written', async () => {
  const { redis, oldSession } = await onCluster();
  const { url, sessions } = await serveNew(redis, { adopt: { mirror: true } });
  const early = await oldSession('early', 'u');
  expect(await sessions.destroyAll('u')).toBe(0);
  expect(await shown(at(url, early))).toEqual({});
  const own = clientOf(url);
  const { text: id } = await own.get('/login?user=w');
  expect(JSON.parse((await redis.get(`sess:${id}`))!)).toMatchObject({ user: 'w' });
});
