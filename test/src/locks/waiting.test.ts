import { Redis } from 'ioredis';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import type { LockOptions } from '../../../src/locks/options.js';
import { withLock } from '../../../src/locks/with-lock.js';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { quiet, redisForFile, throughProxy } from '../../middleware/support/redis-for-file.js';
import { eventually } from '../../support/eventually.js';
import { holdLock } from '../../support/lock-holder.js';
import { startRedis } from '../../support/redis.js';

const file = redisForFile();
const LONG = { ttlMs: 60_000, waitMs: 60_000, timeoutMs: 5_000, logger: quiet } satisfies LockOptions;

beforeEach(async () => {
  await file.redis.flushall();
  await withLock(file.redis, 'warm', LONG, () => 'the scripts are known');
});

function anotherClient(user = '') {
  const url = new URL(file.server.url);
  Object.assign(url, user && { username: user, password: 'secret' });
  const redis = connectRedis({ url: url.href, logger: quiet });
  onTestFinished(() => closeRedis(redis));
  return redis;
}

/** How often Redis ran these since `reset`. */
const commands = {
  reset: () => file.redis.config('RESETSTAT'),
  async count() {
    const info = await file.redis.info('commandstats');
    const calls = (name: string) => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(info)?.[1] ?? 0);
    return { evalsha: calls('evalsha'), eval: calls('eval'), subscribe: calls('subscribe') };
  },
};

async function isSubscribed(resource: string): Promise<boolean> {
  const [, listeners] = (await file.redis.pubsub('NUMSUB', `lock-released:${resource}`)) as [string, number];
  return listeners > 0;
}

test('a release wakes the waiter by a message, without polling', async () => {
  const waiter = anotherClient();
  await commands.reset();
  const held = await holdLock(file.redis, 'r', LONG);
  const waited = withLock(waiter, 'r', LONG, () => 'in');
  await eventually('it is asked again after subscribing', async () => (await commands.count()).evalsha === 3);
  // A poll would be seen in this time.
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(await commands.count()).toEqual({ evalsha: 3, eval: 0, subscribe: 1 });
  await held.release();
  expect(await waited).toBe('in');
  // In all: the holder's taking and releasing; the waiter's two questions in vain, taking and releasing.
  expect(await commands.count()).toEqual({ evalsha: 6, eval: 0, subscribe: 1 });
  await eventually('it listens no more', async () => !(await isSubscribed('r')));
});

test('a release makes one waiter per process ask, however many wait there', async () => {
  const waiter = anotherClient();
  const held = await holdLock(file.redis, 'r', LONG);
  await commands.reset();
  const waited = Array.from({ length: 20 }, () => withLock(waiter, 'r', LONG, () => 'in'));
  await eventually('the first asked twice', async () => (await commands.count()).evalsha === 2);
  await Promise.all([held.release(), ...waited]);
  // Two in vain, the holder's release, and twenty times taking and releasing.
  expect(await commands.count()).toEqual({ evalsha: 2 + 1 + 40, eval: 0, subscribe: 1 });
});

test("the expiry of a crashed holder's lock wakes the waiter", async () => {
  const waiter = anotherClient();
  await commands.reset();
  await file.redis.set('lock:r', 'of the dead', 'PX', 700);
  expect(await withLock(waiter, 'r', LONG, () => 'in')).toBe('in');
  const { evalsha } = await commands.count();
  // Two in vain, one when it has expired (one more where a timer ran fast), one to release.
  expect(evalsha).toBeGreaterThanOrEqual(4);
  expect(evalsha).toBeLessThanOrEqual(5);
});

test('a lock without an expiry is waited for until its release is published', async () => {
  const waiter = anotherClient();
  await file.redis.set('lock:r', 'of another program');
  const waited = withLock(waiter, 'r', LONG, () => 'in');
  await eventually('it listens', () => isSubscribed('r'));
  await file.redis.multi().del('lock:r').publish('lock-released:r', '').exec();
  expect(await waited).toBe('in');
});

test('a release that was missed while the connection was lost is noticed after the reconnect', async () => {
  const { proxy, redis: waiter } = await throughProxy(file.server);
  await file.redis.set('lock:r', 'of another', 'PX', 60_000);
  const waited = withLock(waiter, 'r', LONG, () => 'in');
  await eventually('it listens', () => isSubscribed('r'));
  proxy.swallow();
  await file.redis.multi().del('lock:r').publish('lock-released:r', '').exec();
  proxy.thaw();
  proxy.sever();
  expect(await waited).toBe('in');
});

test.each(['-publish', 'resetchannels'])(
  'with the ACL rule %s a waiter hears of no release, and asks again',
  async (rule) => {
    await file.redis.acl('SETUSER', 'deaf', 'reset', 'on', '>secret', '~*', '&*', '+@all', rule);
    const waiter = anotherClient('deaf');
    await file.redis.set('lock:r', 'of another', 'PX', 60_000);
    await commands.reset();
    const waited = withLock(waiter, 'r', LONG, () => 'in');
    await eventually('it asks again', async () => (await commands.count()).evalsha > 2);
    await file.redis.del('lock:r');
    expect(await waited).toBe('in');
  },
);

async function waitingOnServerOfItsOwn(waitMs: number) {
  const server = await startRedis();
  const waiter = connectRedis({ url: server.url, logger: quiet });
  const direct = connectRedis({ url: server.url, logger: quiet });
  onTestFinished(async () => {
    await Promise.all([closeRedis(waiter, { timeoutMs: 100 }), closeRedis(direct, { timeoutMs: 100 })]);
    await server.stop();
  });
  await direct.set('lock:r', 'of another', 'PX', 60_000);
  const waited = withLock(waiter, 'r', { ...LONG, waitMs }, () => 'in');
  waited.catch(() => undefined);
  await eventually('it listens', async () => (await direct.pubsub('CHANNELS', 'lock-released:*')).length > 0);
  return { server, waited };
}

test('a waiter waits through an outage and gets the lock after it', async () => {
  const { server, waited } = await waitingOnServerOfItsOwn(60_000);
  await server.restart();
  expect(await waited).toBe('in');
});

test('a wait that ends during an outage fails with REDIS_UNAVAILABLE', async () => {
  const { server, waited } = await waitingOnServerOfItsOwn(1_500);
  await server.kill();
  await expect(waited).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
});

test('a caller whose first question fails gets REDIS_UNAVAILABLE at once', async () => {
  const { proxy, redis: waiter } = await throughProxy(file.server);
  proxy.swallow();
  const refused = withLock(waiter, 'r', { ...LONG, timeoutMs: 100 }, () => 'in');
  // waitMs is a minute; this test would end without it.
  await expect(refused).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
});

test('a waiter whose answer was lost gets the lock by asking again', async () => {
  const { proxy, redis: waiter } = await throughProxy(file.server);
  await file.redis.set('lock:r', 'of another', 'PX', 60_000);
  const waited = withLock(waiter, 'r', { ...LONG, timeoutMs: 100 }, () => 'in');
  await eventually('it listens', () => isSubscribed('r'));
  proxy.delay(150);
  await file.redis.multi().del('lock:r').publish('lock-released:r', '').exec();
  await eventually('Redis gave it', async () => (await file.redis.exists('lock:r')) === 1);
  proxy.delay(0);
  // Its expiry is a minute away.
  expect(await waited).toBe('in');
});

test("the release channel has ioredis' keyPrefix and the option prefix", async () => {
  const waiter = new Redis(file.server.url, { keyPrefix: 'app:' });
  onTestFinished(() => closeRedis(waiter));
  await file.redis.set('app:shop:lock:r', 'of another', 'PX', 60_000);
  const waited = withLock(waiter, 'r', { ...LONG, prefix: 'shop:' }, () => 'in');
  const heard = async () => (await file.redis.pubsub('CHANNELS', '*lock-released*')) as string[];
  await eventually('it listens', async () => (await heard()).length > 0);
  expect(await heard()).toEqual(['app:shop:lock-released:r']);
  await file.redis.multi().del('app:shop:lock:r').publish('app:shop:lock-released:r', '').exec();
  expect(await waited).toBe('in');
});
