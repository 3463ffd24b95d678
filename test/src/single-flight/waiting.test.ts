import { Redis } from 'ioredis';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { cacheAside } from '../../../src/cache-aside/cache-aside.js';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { linkTo } from '../../../src/redis/link.js';
import { FillLeases } from '../../../src/single-flight/fill-lease.js';
import { subscriberConnectionOf } from '../../../src/subscriptions/subscriber-connection.js';
import { gate, quiet, redisForFile } from '../../middleware/support/redis-for-file.js';
import { eventually } from '../../support/eventually.js';
import { startProxy } from '../../support/proxy.js';

const file = redisForFile();
beforeEach(async () => void (await file.redis.flushall()));

const KEY = 'cache-lease:page';
const CHANNEL = 'cache-lease-released:page';
const leasesOf = (redis: Redis, prefix = '') => new FillLeases(redis, { prefix, timeoutMs: 5_000 });
/** A lease that outlives every test, so that nobody is woken by its end. */
const hold = (key = KEY) => file.redis.set(key, 'filler', 'PX', 60_000);
const giveBackUnheard = () => file.redis.del(KEY);

function anotherClient(options: { username?: string; password?: string } = {}) {
  const url = new URL(file.server.url);
  Object.assign(url, options);
  const redis = connectRedis({ url: url.href, logger: quiet }) as Redis;
  onTestFinished(() => closeRedis(redis, { timeoutMs: 100 }));
  return redis;
}

async function callsOf(command: string): Promise<number> {
  const stats = await file.redis.info('commandstats');
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
}

/** How often a follower has looked at a lease; nobody else asks for a PTTL here. */
const looks = () => callsOf('pttl');
const listeners = async () => Number((await file.redis.pubsub('NUMSUB', CHANNEL))[1]);
const isHeard = () => eventually('a follower listens', async () => (await listeners()) === 1);

test('a message wakes a process that waits for a fill lease, which does not poll', async () => {
  const follower = leasesOf(anotherClient());
  await hold();
  await file.redis.config('RESETSTAT');
  const over = follower.ended('page', 60_000);
  await isHeard();
  await eventually('it looked after the subscription', async () => (await looks()) > 0);
  const before = await looks();
  // The polling of a follower that hears nothing would look nineteen times in this time.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect((await looks()) - before).toBeLessThanOrEqual(2);
  leasesOf(file.redis).release('page', 'filler', 'unstorable');
  expect(await over).toBe('unstorable');
  expect((await looks()) - before).toBeLessThanOrEqual(3);
  expect(await callsOf('subscribe')).toBe(1);
  await eventually('it listens no more', async () => (await listeners()) === 0);
});

test('the expiry of the fill lease of a crashed process wakes a waiting process', async () => {
  const follower = leasesOf(anotherClient());
  await file.redis.set(KEY, 'of the dead', 'PX', 1_500);
  const before = await looks();
  expect(await follower.ended('page', 60_000)).toBe('stored');
  // Twenty and more by polling.
  expect((await looks()) - before).toBeLessThanOrEqual(10);
});

test('a waiting process notices a release between its look and the acknowledgement of its subscription', async () => {
  const redis = anotherClient();
  const [released, subscribed] = [gate(), gate()];
  const connection = subscriberConnectionOf(redis);
  const listen = connection.listen.bind(connection);
  connection.listen = async (...args) => {
    await released.passed;
    return listen(...args);
  };
  const link = linkTo(redis);
  const send = link.send.bind(link);
  let asked = 0;
  // The answer to the first look is long on its way.
  link.send = (async (name: string, args: [string], ask: never) => {
    const isFirstLook = name === 'get' && ++asked === 1;
    const answer = await send(name, args, ask);
    if (!isFirstLook) return answer;
    await giveBackUnheard();
    released.open();
    await isHeard();
    subscribed.open();
    return answer;
  }) as typeof link.send;
  await hold();
  const over = leasesOf(redis).ended('page', 60_000);
  await subscribed.passed;
  expect(await over).toBe('stored');
});

test('a process that waits for a fill lease polls while its subscriber connection is cut', async () => {
  const proxy = await startProxy(file.server.port);
  const redis = anotherClient();
  await redis.ping();
  // Only what is dialled from here on goes through the proxy.
  redis.options.port = proxy.port;
  await hold();
  const over = leasesOf(redis).ended('page', 60_000);
  await isHeard();
  await proxy.close();
  const before = await looks();
  await eventually('it polls', async () => (await looks()) > before + 5);
  await giveBackUnheard();
  expect(await over).toBe('stored');
});

test('a release that was missed with a lost connection is noticed over the next one', async () => {
  const redis = anotherClient();
  await hold();
  const over = leasesOf(redis).ended('page', 60_000);
  await isHeard();
  await giveBackUnheard();
  await file.redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  expect(await over).toBe('stored');
});

test('a fill lease that is given back without a message is noticed before it would expire', async () => {
  await hold();
  const over = leasesOf(anotherClient()).ended('page', 60_000);
  await isHeard();
  await eventually('it looked after the subscription', async () => (await looks()) > 0);
  await giveBackUnheard();
  expect(await over).toBe('stored');
});

test('a process whose ACL forbids SUBSCRIBE polls for the end of a fill lease', async () => {
  await file.redis.acl('SETUSER', 'deaf', 'on', '>secret', '~*', '+@all', 'resetchannels');
  const redis = anotherClient({ username: 'deaf', password: 'secret' });
  await hold();
  const before = await looks();
  const over = leasesOf(redis).ended('page', 60_000);
  await eventually('it polls', async () => (await looks()) > before + 5);
  expect(await listeners()).toBe(0);
  await giveBackUnheard();
  expect(await over).toBe('stored');
});

test('a process whose ACL forbids PUBLISH releases its fill lease all the same', async () => {
  await file.redis.acl('SETUSER', 'mute', 'on', '>secret', '~*', '+@all', 'resetchannels');
  await hold();
  leasesOf(anotherClient({ username: 'mute', password: 'secret' })).release('page', 'filler', 'stored');
  await eventually('it is gone', async () => (await file.redis.exists(KEY)) === 0);
});

test("the channel of a fill lease has ioredis' key prefix and the toolkit's", async () => {
  const redis = new Redis(file.server.url, { keyPrefix: 'app:' });
  onTestFinished(() => closeRedis(redis));
  await hold('app:shop:cache-lease:page');
  const leases = leasesOf(redis, 'shop:');
  const over = leases.ended('page', 60_000);
  const heard = async () => (await file.redis.pubsub('CHANNELS', '*released*')) as string[];
  await eventually('it listens', async () => (await heard()).length > 0);
  expect(await heard()).toEqual(['app:shop:cache-lease-released:page']);
  leases.release('page', 'filler', 'stored');
  expect(await over).toBe('stored');
});

test('no subscriber connection is opened before a process has to wait for a fill', async () => {
  const dedicated = async () => String(await file.redis.call('CLIENT', 'LIST', 'TYPE', 'pubsub')).trim();
  await eventually('those of other tests are closed', async () => (await dedicated()) === '');
  const patiently = { timeoutMs: 5_000, logger: quiet };
  const filler = cacheAside({ redis: anotherClient(), ...patiently });
  const follower = cacheAside({ redis: anotherClient(), ...patiently });
  const options = { ttlSeconds: 60 };
  for (const id of [1, 2]) await filler.getOrLoad(`page:${id}`, async () => id, options);
  expect(await follower.getOrLoad('page:1', async () => 0, options)).toBe(1);
  expect(await dedicated()).toBe('');
  const filling = gate();
  const slow = filler.getOrLoad('page:3', () => filling.passed.then(() => 3), options);
  await eventually('a lease', async () => (await file.redis.exists('cache-lease:value%20page:3')) === 1);
  const waiting = follower.getOrLoad('page:3', async () => 0, options);
  await eventually('a connection', async () => (await dedicated()) !== '');
  filling.open();
  expect(await Promise.all([slow, waiting])).toEqual([3, 3]);
});
