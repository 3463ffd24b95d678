import { beforeEach, expect, test } from 'vitest';
import { cacheAside } from '../../../src/cache-aside/cache-aside.js';
import { quiet, redisForFile, throughProxy } from '../../middleware/support/redis-for-file.js';
import { emptyRedis } from '../../support/empty-redis.js';
import { eventually } from '../../support/eventually.js';

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

interface Token {
  readonly text: string;
  readonly expiresIn: number;
}
const open = (redis = file.redis) => cacheAside({ redis, logger: quiet, timeoutMs: 1000 });
const token = (expiresIn: number): Token => ({ text: 'secret', expiresIn });
const byValue = { ttlSeconds: ({ expiresIn }: Token) => expiresIn - 10 };
const secondsLeft = async () => Math.ceil((await file.redis.pttl('token:1')) / 1000);

test('a value is cached by getOrLoad and set for as long as ttlSeconds returns for it', async () => {
  const cache = open();
  await cache.getOrLoad('token:1', async () => token(100), { ...byValue, staleSeconds: 5 });
  expect(await secondsLeft()).toBe(95);
  const { since } = await cache.get('token:1');
  expect(await cache.set('token:1', token(60.5), { ...byValue, since })).toBe(true);
  expect(await secondsLeft()).toBe(51);
  expect((await cache.get('token:1')).value).toEqual(token(60.5));
});

test('ttlSeconds may return a promise, and is not called for a value that was found', async () => {
  const cache = open();
  const options = { ttlSeconds: async ({ expiresIn }: Token) => expiresIn };
  await cache.getOrLoad('token:1', async () => token(30), options);
  expect(await secondsLeft()).toBe(30);
  const never = () => {
    throw new Error('it was called');
  };
  expect(await cache.getOrLoad('token:1', async () => token(1), { ttlSeconds: never })).toEqual(token(30));
});

test('the function gets the value as it was loaded, a Date as a Date', async () => {
  const until = new Date(Date.now() + 90_000);
  const ttlSeconds = (value: { until: Date }) => (value.until.getTime() - Date.now()) / 1000;
  await open().getOrLoad('token:1', async () => ({ until }), { ttlSeconds });
  expect(await secondsLeft()).toBe(90);
});

test.each([0, -1, Number.NEGATIVE_INFINITY])(
  'a value for which ttlSeconds returns %d is not cached',
  async (seconds) => {
    const cache = open();
    const options = { ttlSeconds: () => seconds };
    expect(await cache.getOrLoad('token:1', async () => 'first', options)).toBe('first');
    const { since } = await cache.get('token:1');
    expect(await cache.set('token:1', 'set', { ...options, since })).toBe(false);
    expect(await cache.getOrLoad('token:1', async () => 'second', options)).toBe('second');
    expect(await file.redis.exists('token:1')).toBe(0);
  },
);

test.each([
  ['is not to be cached', 'new'],
  ['is undefined', undefined],
])('a stale value goes when the new one %s', async (_, loaded) => {
  const cache = open();
  await cache.getOrLoad<string | undefined>('token:1', async () => 'old', {
    ttlSeconds: 60,
    staleSeconds: 60,
  });
  const stored = JSON.parse((await file.redis.get('token:1'))!);
  await file.redis.set('token:1', JSON.stringify({ ...stored, freshUntil: Date.now() - 1 }), 'KEEPTTL');
  const options = { ttlSeconds: () => 0 };
  expect(await cache.getOrLoad('token:1', async () => loaded, options)).toBe('old');
  await eventually('no value', async () => (await file.redis.exists('token:1')) === 0);
  expect(await cache.getOrLoad('token:1', async () => loaded, options)).toBe(loaded);
});

const nonsense: [string, () => unknown, string][] = [
  ['NaN', () => Number.NaN, 'returned NaN for "token:1"'],
  ['a text', () => 's3cret', 'returned a string for "token:1"'],
  ['a function', () => () => 's3cret', 'returned a function for "token:1"'],
  ['nothing', () => undefined, 'returned undefined for "token:1"'],
  ['Infinity', () => Number.POSITIVE_INFINITY, 'returned Infinity for "token:1"'],
  ['a promise of nonsense', async () => null, 'returned null for "token:1"'],
];

test.each(nonsense)(
  'a function ttlSeconds that returns %s is an error, with Redis or without it',
  async (_, ttlSeconds, said) => {
    const refusal = { code: 'OPTION_INVALID', message: expect.stringContaining(said) };
    const options = { ttlSeconds: ttlSeconds as () => number };
    await expect(open().getOrLoad('token:1', async () => 1, options)).rejects.toMatchObject(refusal);
    const { since } = await open().get('token:1');
    await expect(open().set('token:1', 1, { ...options, since })).rejects.toMatchObject(refusal);
    const { proxy, redis } = await throughProxy(file.server);
    proxy.swallow();
    const away = cacheAside({ redis, logger: quiet, timeoutMs: 100 });
    await expect(away.getOrLoad('token:1', async () => 1, options)).rejects.toMatchObject(refusal);
  },
);

test('an error that ttlSeconds throws is the error of all callers that wait', async () => {
  const cache = open();
  const ttlSeconds = () => {
    throw new Error('no lifetime');
  };
  const calls = [1, 2, 3].map(() => cache.getOrLoad('token:1', async () => 1, { ttlSeconds }));
  const reasons = (await Promise.allSettled(calls)).map(
    (call) => (call as PromiseRejectedResult).reason.message,
  );
  expect(reasons).toEqual(['no lifetime', 'no lifetime', 'no lifetime']);
});
