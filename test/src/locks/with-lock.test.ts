import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { LockOptions } from '../../../src/locks/options.js';
import { withLock } from '../../../src/locks/with-lock.js';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { quiet, redisForFile, throughProxy } from '../../middleware/support/redis-for-file.js';
import { eventually } from '../../support/eventually.js';
import { holdLock } from '../../support/lock-holder.js';

const file = redisForFile();
beforeEach(async () => void (await file.redis.flushall()));

const LONG = { ttlMs: 60_000, timeoutMs: 5_000, logger: quiet } satisfies LockOptions;
const once = { ...LONG, waitMs: 0 };
const DAY_MS = 24 * 3_600_000;

function anotherClient() {
  const redis = connectRedis({ url: file.server.url, logger: quiet });
  onTestFinished(() => closeRedis(redis));
  return redis;
}

const holder = (resource: string, options: LockOptions = LONG, redis = file.redis) =>
  holdLock(redis, resource, options);

test('while the function runs the lock has a token and an expiry, and afterwards it is gone', async () => {
  const seen = await withLock(file.redis, 'report:7', { ...LONG, prefix: 'shop:' }, async () => ({
    token: await file.redis.get('shop:lock:report:7'),
    expiryMs: await file.redis.pttl('shop:lock:report:7'),
  }));
  expect(seen.token).toMatch(/^[\w-]{22}$/);
  expect(seen.expiryMs).toBeGreaterThan(0);
  expect(seen.expiryMs).toBeLessThanOrEqual(60_000);
  expect(await file.redis.exists('shop:lock:report:7')).toBe(0);
});

test('an error of the function is passed on, and the lock is free again', async () => {
  for (const fails of [
    () => Promise.reject(new Error('of its own')),
    () => {
      throw new Error('of its own');
    },
  ]) {
    await expect(withLock(file.redis, 'r', once, fails)).rejects.toThrow('of its own');
  }
  expect(await withLock(file.redis, 'r', once, () => 'sync')).toBe('sync');
});

test('one function runs at a time over several clients, in each client in the order of the calls', async () => {
  const clients = [file.redis, anotherClient(), anotherClient()];
  const served: number[][] = clients.map(() => []);
  let inside = 0;
  let most = 0;
  const section = (client: number, place: number) =>
    withLock(clients[client]!, 'r', LONG, async () => {
      most = Math.max(most, ++inside);
      await turn();
      served[client]!.push(place);
      inside--;
    });
  const places = Array.from({ length: 30 }, (_, place) => place);
  await Promise.all(places.flatMap((place) => clients.map((_, client) => section(client, place))));
  expect(most).toBe(1);
  expect(served).toEqual([places, places, places]);
});

test('a lock does not affect other resources', async () => {
  const held = await holder('a');
  expect(await withLock(file.redis, 'b', once, () => 'in')).toBe('in');
  await held.release();
});

test('with waitMs 0 a lock is tried once, and the function does not run', async () => {
  const other = anotherClient();
  const held = await holder('r');
  for (const redis of [file.redis, other]) {
    await expect(withLock(redis, 'r', once, () => 'ran')).rejects.toMatchObject({
      code: 'LOCK_TIMEOUT',
      status: 503,
    });
  }
  expect(await held.release()).toBe('done');
  expect(await withLock(other, 'r', once, () => 'ran')).toBe('ran');
});

test('a waiter that times out makes room for the next in the queue', async () => {
  const other = anotherClient();
  const held = await holder('r', LONG, other);
  const order: string[] = [];
  const inVain = withLock(file.redis, 'r', { ...LONG, waitMs: 40 }, () => 'ran').catch((error) => {
    order.push(error.code);
  });
  const behind = withLock(file.redis, 'r', LONG, () => order.push('behind'));
  await inVain;
  await held.release();
  await behind;
  expect(order).toEqual(['LOCK_TIMEOUT', 'behind']);
});

test('a nested call for the same resource times out: the lock is not re-entrant', async () => {
  const nested = withLock(file.redis, 'r', LONG, () =>
    withLock(file.redis, 'r', { ...LONG, waitMs: 30 }, () => 'nested'),
  );
  await expect(nested).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' });
});

test('a lock that another program set is respected until it expires', async () => {
  await file.redis.set('lock:r', 'of a script', 'PX', 300);
  await withLock(file.redis, 'r', LONG, async () => {
    expect(await file.redis.get('lock:r')).not.toBe('of a script');
  });
});

describe('the fencing number', () => {
  const next = () => withLock(file.redis, 'r', LONG, ({ fencing }) => fencing);

  test('grows with each holder, and is a safe integer', async () => {
    const numbers: number[] = [];
    for (let i = 0; i < 30; i++) numbers.push(await next());
    expect(numbers.every((number) => Number.isSafeInteger(number))).toBe(true);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  });

  test("grows also after Redis' clock was set back, and Redis keeps it until the clock is past it", async () => {
    const before = await next();
    // As if the last number had been given out by a clock that was an hour ahead.
    const ahead = before + 3_600_000_000;
    await file.redis.set('lock-fence:{lock:r}', ahead, 'PX', 60_000);
    expect([await next(), await next()]).toEqual([ahead + 1, ahead + 2]);
    expect(await file.redis.pexpiretime('lock-fence:{lock:r}')).toBeGreaterThanOrEqual(ahead / 1000 + DAY_MS);
  });

  test('grows also when the stored number has expired', async () => {
    const before = await next();
    await file.redis.del('lock-fence:{lock:r}');
    expect(await next()).toBeGreaterThan(before);
  });
});

describe("somebody else's lock", () => {
  test('is never released by a former holder', async () => {
    const late = await holder('r');
    await file.redis.pexpire('lock:r', 0);
    const other = await holder('r', LONG, anotherClient());
    const token = await file.redis.get('lock:r');
    await expect(late.release()).rejects.toMatchObject({ code: 'LOCK_LOST', status: 500 });
    expect(await file.redis.get('lock:r')).toBe(token);
    expect(other.fencing).toBeGreaterThan(late.fencing);
    expect(await other.release()).toBe('done');
  });

  test('is never renewed by a former holder', async () => {
    const late = await holder('r', { ...LONG, ttlMs: 600 });
    await file.redis.set('lock:r', 'of another', 'PX', 60_000);
    await eventually('it is told', () => late.signal.aborted);
    expect(await file.redis.pttl('lock:r')).toBeGreaterThan(600);
    await expect(late.release()).rejects.toMatchObject({ code: 'LOCK_LOST' });
    expect(await file.redis.get('lock:r')).toBe('of another');
  });
});

describe("the caller's signal", () => {
  const reason = new Error('the client has gone');

  test('ends the wait at once with its reason, anywhere in the queue', async () => {
    const held = await holder('r', LONG, anotherClient());
    const stop = new AbortController();
    const waiting = [1, 2].map(() =>
      withLock(file.redis, 'r', { ...LONG, waitMs: DAY_MS, signal: stop.signal }, () => 'ran'),
    );
    const heard = async () => (await file.redis.pubsub('CHANNELS', 'lock-released:r')) as string[];
    await eventually('the first listens', async () => (await heard()).length > 0);
    stop.abort(reason);
    expect(await Promise.allSettled(waiting)).toEqual([
      { status: 'rejected', reason },
      { status: 'rejected', reason },
    ]);
    await held.release();
    expect(await withLock(file.redis, 'r', once, () => 'free')).toBe('free');
  });

  test('aborts the signal of the function, whose result is still returned', async () => {
    const stop = new AbortController();
    const held = await holder('r', { ...LONG, signal: stop.signal });
    expect(held.signal.aborted).toBe(false);
    stop.abort(reason);
    expect(held.signal.reason).toBe(reason);
    expect(await held.release()).toBe('done');
  });

  test('aborted before the call, sends nothing to Redis', async () => {
    const options = { ...LONG, signal: AbortSignal.abort(reason) };
    await expect(withLock(file.redis, 'r', options, () => 'ran')).rejects.toBe(reason);
    expect(await file.redis.keys('*')).toEqual([]);
  });

  test('aborted while Redis grants the lock, releases the lock', async () => {
    const { proxy, redis } = await throughProxy(file.server);
    await withLock(redis, 'r', once, () => 'the script is known');
    proxy.delay(50);
    const stop = new AbortController();
    const waiting = withLock(redis, 'r', { ...LONG, signal: stop.signal }, () => 'ran');
    waiting.catch(() => undefined);
    await eventually('it is given', async () => (await file.redis.exists('lock:r')) === 1, { everyMs: 1 });
    stop.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect(await file.redis.exists('lock:r')).toBe(0);
  });
});

test('a lock survives SCRIPT FLUSH', async () => {
  const held = await holder('r');
  await file.redis.script('FLUSH');
  expect(await held.release()).toBe('done');
  await file.redis.script('FLUSH');
  expect(await withLock(file.redis, 'r', once, () => 'again')).toBe('again');
});

describe('wrong use', () => {
  const run = (options: object, resource: unknown = 'r', fn: unknown = () => 'ran') =>
    withLock(file.redis, resource as string, options as LockOptions, fn as () => string);

  test.each([
    ['nothing', undefined],
    ['no ttlMs', { waitMs: 5 }],
    ['an endless ttlMs', { ttlMs: Number.POSITIVE_INFINITY }],
    ['ttlMs 0', { ttlMs: 0 }],
  ])('a lock without a bound is refused: %s', async (_what, options) => {
    await expect(run(options as object)).rejects.toMatchObject({
      code: 'LOCK_UNBOUNDED',
      message: expect.stringContaining('ttlMs'),
    });
  });

  test.each([
    ['ttlMs', { ttlMs: 49 }],
    ['ttlMs', { ttlMs: '10' }],
    ['ttlMs', { ttlMs: DAY_MS + 1 }],
    ['waitMs', { ttlMs: 1000, waitMs: -1 }],
    ['waitMs', { ttlMs: 1000, waitMs: Number.POSITIVE_INFINITY }],
    ['signal', { ttlMs: 1000, signal: {} }],
    ['prefix', { ttlMs: 1000, prefix: 7 }],
  ])('the error names the option: %s %j', async (name, options) => {
    await expect(run(options)).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining(`"${name}"`),
    });
  });

  test('an unknown option is refused with a hint', async () => {
    await expect(run({ ttlMs: 1000, waitsMs: 1 })).rejects.toMatchObject({
      code: 'OPTION_UNKNOWN',
      message: expect.stringContaining('"waitMs"'),
    });
  });

  test('a missing resource or function is refused', async () => {
    await expect(run({ ttlMs: 1000 }, '')).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining('resource'),
    });
    await expect(run({ ttlMs: 1000 }, 'r', null)).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining('function'),
    });
  });
});
