import { beforeEach, expect, test } from 'vitest';
import { cacheAside } from '../../../src/cache-aside/cache-aside.js';
import { gate, quiet, redisForFile, throughProxy } from '../../middleware/support/redis-for-file.js';
import { emptyRedis } from '../../support/empty-redis.js';
import { eventually } from '../../support/eventually.js';

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

const open = (redis = file.redis) => cacheAside({ redis, logger: quiet, timeoutMs: 300 });
const fresh = { ttlSeconds: 60 };

class Money {
  constructor(readonly cents: number) {}
  toJSON() {
    return { euros: this.cents / 100 };
  }
}
class Point {
  constructor(readonly x: number) {}
  get double() {
    return 2 * this.x;
  }
}

const shapes: [string, unknown, unknown][] = [
  ['a Date', { at: new Date(0) }, { at: '1970-01-01T00:00:00.000Z' }],
  ['an undefined property', { name: 'Ada', nick: undefined }, { name: 'Ada' }],
  ['an object with toJSON', [new Money(150)], [{ euros: 1.5 }]],
  ['an object of a class', new Point(2), { x: 2 }],
  ['null', null, null],
  ['false, 0 and an empty text', [false, 0, ''], [false, 0, '']],
  ['undefined in a list', [undefined], [null]],
];

test.each(shapes)(
  'getOrLoad returns %s in the same shape the first time and later',
  async (_, value, expected) => {
    const cache = open();
    const first = await cache.getOrLoad('a:1', async () => value, fresh);
    const later = await cache.getOrLoad('a:1', async () => 'not loaded', fresh);
    const { proxy, redis } = await throughProxy(file.server);
    proxy.swallow();
    const away = await open(redis).getOrLoad('a:1', async () => value, fresh);
    for (const got of [first, later, away]) {
      expect(got).toStrictEqual(expected);
    }
  },
);

test('callers that share a load each get a value of their own', async () => {
  const cache = open();
  const go = gate();
  let loads = 0;
  const load = async () => {
    loads++;
    await go.passed;
    return { names: ['Ada'] };
  };
  const calls = [1, 2, 3].map(() => cache.getOrLoad('a:1', load, fresh));
  await eventually('a load', () => loads === 1);
  go.open();
  const [one, ...others] = await Promise.all(calls);
  one!.names.push('changed');
  for (const other of others) expect(other).toEqual({ names: ['Ada'] });
});

test('undefined is returned and not cached', async () => {
  const cache = open();
  const found: (string | undefined)[] = [undefined, 'created since'];
  const load = async () => found.shift();
  expect(await cache.getOrLoad('a:1', load, fresh)).toBeUndefined();
  expect(await file.redis.exists('a:1')).toBe(0);
  expect(await cache.getOrLoad('a:1', load, fresh)).toBe('created since');
});

const circle: Record<string, unknown> = {};
circle.self = circle;
const lost: [string, unknown, string][] = [
  ['a Map', { tags: new Map([[1, 2]]) }, 'a Map in "tags"'],
  ['a Set', new Set([1]), 'a Set'],
  ['a BigInt', { id: 7n }, 'a bigint in "id"'],
  ['a function', { name: 'Ada', greet() {} }, 'a function in "greet"'],
  ['a symbol', [Symbol('x')], 'a symbol'],
  ['NaN', { price: Number.NaN }, 'the number NaN in "price"'],
  ['Infinity', [Number.POSITIVE_INFINITY], 'the number Infinity'],
  ['a circle', circle, 'circular'],
  ['an Error', new TypeError('x'), 'a TypeError'],
  ['a regular expression', /x/, 'a RegExp'],
  ['bytes', new Uint8Array(2), 'a Uint8Array'],
  ['a promise', { later: Promise.resolve(1) }, 'a Promise in "later"'],
  ['an invalid Date', { seen: new Date('never') }, 'an invalid Date in "seen"'],
  ['Headers', new Headers({ a: '1' }), 'a Headers'],
  ['URLSearchParams', [new URLSearchParams('a=1')], 'a URLSearchParams in "0"'],
  [
    'a toJSON that throws',
    {
      toJSON: () => {
        throw new Error('no way');
      },
    },
    'no way',
  ],
];

test.each(lost)('getOrLoad and set refuse %s, which JSON cannot represent', async (_, value, said) => {
  const cache = open();
  const refusal = { code: 'CACHE_VALUE_NOT_JSON', message: expect.stringContaining(said) };
  for (let asked = 0; asked < 2; asked++) {
    await expect(cache.getOrLoad('a:1', async () => value, fresh)).rejects.toMatchObject(refusal);
  }
  const { since } = await cache.get('a:1');
  await expect(cache.set('a:1', value, { ...fresh, since })).rejects.toMatchObject(refusal);
  const { proxy, redis } = await throughProxy(file.server);
  proxy.swallow();
  await expect(open(redis).getOrLoad('a:1', async () => value, fresh)).rejects.toMatchObject(refusal);
  expect(await file.redis.exists('a:1')).toBe(0);
});

test.each([
  [{}],
  [[]],
  [Object.create(null)],
  [new Date(0)],
  [Object(5)],
  [Object('')],
  [{ toJSON: () => ({}) }],
])('%o is cached', async (value) => {
  const loaded = await open().getOrLoad('whole:1', async () => value as unknown, fresh);
  expect(loaded).toEqual(JSON.parse(JSON.stringify(value)));
});
