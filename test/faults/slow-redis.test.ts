import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { rateLimit } from '../../middleware/rate-limit/index.js';
import { session } from '../../middleware/session/index.js';
import { closeRedis, connectRedis, ping } from '../../src/redis/connect.js';
import { linkTo } from '../../src/redis/link.js';
import { serve } from '../middleware/support/redis-for-file.js';
import { eventually } from '../support/eventually.js';
import { startProxy } from '../support/proxy.js';
import { startRedis } from '../support/redis.js';
import { recordingLogger } from './clients.js';

async function distantRedis(roundTripMs: number) {
  const server = await startRedis();
  const proxy = await startProxy(server.port);
  const logger = recordingLogger();
  const redis = connectRedis({ url: `redis://127.0.0.1:${proxy.port}`, logger });
  onTestFinished(async () => {
    await closeRedis(redis, { timeoutMs: 100 });
    await proxy.close();
    await server.stop();
  });
  await ping(redis, { timeoutMs: 5_000 });
  proxy.delay(roundTripMs / 2);
  return { server, proxy, redis, logger };
}

test('a limiter whose deadline is too short for a distant Redis costs the session nothing', async () => {
  const { redis, logger } = await distantRedis(130);
  const app = express();
  const sessions = session({ redis, secret: 'a secret of the tests', timeoutMs: 400 });
  app.get('/limited', rateLimit({ redis, limit: 1_000 }), (_req, res) => void res.send('ok'));
  app.post('/login', sessions, (req, res) => {
    Object.assign(req.session, { user: 'ann' });
    res.send('in');
  });
  const url = await serve(app);
  const statuses = async (path: string, method: string) => {
    const seen: number[] = [];
    for (let asked = 0; asked < 8; asked++) {
      seen.push((await fetch(`${url}${path}`, { method })).status);
    }
    return seen;
  };
  const [limited, loggedIn] = await Promise.all([statuses('/limited', 'GET'), statuses('/login', 'POST')]);
  expect([...limited, ...loggedIn]).toEqual(Array.from({ length: 16 }, () => 200));
  expect(linkTo(redis).outage).toBeUndefined();
  expect(logger.lines.filter(({ message }) => /^Redis is/.test(message))).toEqual([]);
});

test('a Redis that is slower than every deadline is neither called unavailable nor available again', async () => {
  const { redis, logger } = await distantRedis(140);
  const link = linkTo(redis);
  for (let asked = 0; asked < 10; asked++) {
    await expect(link.send('get', ['key'], { timeoutMs: 100 })).rejects.toMatchObject({
      code: 'REDIS_UNAVAILABLE',
    });
    await sleep(30);
  }
  expect(logger.lines).toEqual([]);
});

test('bytes that a network swallowed never give a command the reply to another', async () => {
  const { proxy, redis } = await distantRedis(0);
  const link = linkTo(redis);
  const names = Array.from({ length: 50 }, (_, index) => `key-${index}`);
  await Promise.all(names.map((name) => link.send('set', [name, name], { timeoutMs: 500 })));
  const ask = (name: string, timeoutMs: number) =>
    link.send<string>('get', [name], { timeoutMs }).then(
      (value) => expect(value).toBe(name),
      (error) => expect(error).toMatchObject({ code: 'REDIS_UNAVAILABLE' }),
    );
  proxy.swallow();
  // With one deadline nothing is sent before the server has answered a probe.
  await Promise.all(names.slice(0, 10).map((name) => ask(name, 500)));
  proxy.thaw();
  await Promise.all(names.map((name) => ask(name, 500)));
  await eventually(
    'it answers again',
    () =>
      link.send('get', ['key-1'], { timeoutMs: 500 }).then(
        (value) => value === 'key-1',
        () => false,
      ),
    { withinMs: 1_000 },
  );
});

test.each([
  ['new Redis()', (port: number) => new Redis({ port })],
  [
    'new Redis() that reconnects after 10 s',
    (port: number) => new Redis({ port, retryStrategy: () => 10_000 }),
  ],
  ['connectRedis()', (port: number) => connectRedis(`redis://127.0.0.1:${port}`)],
])('after a failover without Sentinel %s writes to the new primary within 1 s', async (_name, connect) => {
  const [primary, other] = [await startRedis(), await startRedis()];
  const proxy = await startProxy(primary.port);
  const redis = connect(proxy.port);
  const [onPrimary, onOther] = [new Redis(primary.url), new Redis(other.url)];
  onTestFinished(async () => {
    for (const client of [redis, onPrimary, onOther]) client.disconnect();
    await proxy.close();
    await Promise.all([primary.stop(), other.stop()]);
  });
  const link = linkTo(redis, recordingLogger());
  const writes = () => link.send('set', ['key', 'value'], { timeoutMs: 500 }).then(Boolean, () => false);
  await eventually('it writes', writes);
  // The old primary lives on as a replica, with its connections; its name leads to the new one only a moment later.
  await onPrimary.replicaof('127.0.0.1', other.port);
  const until = performance.now() + 600;
  while (performance.now() < until) expect(await writes()).toBe(false);
  proxy.retarget(other.port);
  await eventually('it writes again', writes, { withinMs: 1_000 });
  expect(await onOther.get('key')).toBe('value');
});

test('a client of a read-only replica keeps its connection, and reads', async () => {
  const [primary, replica] = [await startRedis(), await startRedis()];
  const [onReplica, redis] = [new Redis(replica.url), new Redis(replica.url)];
  onTestFinished(async () => {
    for (const client of [onReplica, redis]) client.disconnect();
    await Promise.all([primary.stop(), replica.stop()]);
  });
  await onReplica.replicaof('127.0.0.1', primary.port);
  const link = linkTo(redis, recordingLogger());
  await ping(redis);
  const { stream } = redis;
  for (let asked = 0; asked < 20; asked++) {
    await expect(link.send('set', ['key', 'value'], { timeoutMs: 500 })).rejects.toThrow(/READONLY/);
    expect(await link.send('get', ['key'], { timeoutMs: 500 })).toBeNull();
    await sleep(30);
  }
  expect(redis.stream).toBe(stream);
});
