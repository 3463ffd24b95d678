import { beforeEach, expect, test } from 'vitest';
import { type CacheAside, cacheAside } from '../../../src/cache-aside/cache-aside.js';
import { connectRedis } from '../../../src/redis/connect.js';
import { recordingLogger } from '../../faults/clients.js';
import { gate, quiet, redisForFile, throughProxy } from '../../middleware/support/redis-for-file.js';
import { emptyRedis } from '../../support/empty-redis.js';
import { eventually } from '../../support/eventually.js';

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

const open = (options = {}) => cacheAside({ redis: file.redis, logger: quiet, timeoutMs: 1000, ...options });
const fresh = { ttlSeconds: 60 };
const times = <T>(count: number, act: (n: number) => T) => Array.from({ length: count }, (_, n) => act(n));

/** A load that stands still until the test lets it go on. */
function heldLoad<T>(finish: () => T) {
  const go = gate();
  let calls = 0;
  const load = async () => {
    calls++;
    await go.passed;
    return finish();
  };
  return { load, go: go.open, calls: () => calls };
}

const refuse = (): never => {
  throw new Error('the database is down');
};
const reasons = async (calls: readonly Promise<unknown>[]) =>
  (await Promise.allSettled(calls)).map((call) =>
    call.status === 'rejected' ? (call.reason as Error).message : `resolved: ${String(call.value)}`,
  );

test('all callers that wait for a load share its error, and the next caller loads again', async () => {
  const cache = open();
  const { load, go, calls } = heldLoad(refuse);
  const first = times(5, () => cache.getOrLoad('user:7', load, fresh));
  await eventually('a load', () => calls() === 1);
  const later = times(5, () => cache.getOrLoad('user:7', load, fresh));
  // Redis answers in order: by now their questions are answered, and they wait.
  await cache.get('user:7');
  go();
  expect(new Set(await reasons([...first, ...later]))).toEqual(new Set(['the database is down']));
  expect(calls()).toBe(1);
  expect(await cache.getOrLoad('user:7', async () => 'loaded', fresh)).toBe('loaded');
});

test('after a load has failed, one caller in each other process loads at the same time', async () => {
  const [filler, ...others] = [open(), open(), open(), open()];
  const failing = heldLoad(refuse);
  const first = filler!.getOrLoad('user:7', failing.load, fresh);
  await eventually('a load', () => failing.calls() === 1);
  const held = heldLoad(() => 'loaded');
  const waiting = others.flatMap((cache) => times(5, () => cache.getOrLoad('user:7', held.load, fresh)));
  failing.go();
  await expect(first).rejects.toThrow('the database is down');
  // One after the other, the second would begin only when the first has ended.
  await eventually('all of them load', () => held.calls() === others.length);
  held.go();
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(['loaded']));
  expect(held.calls()).toBe(others.length);
});

const nestings: Record<string, (cache: CacheAside) => Promise<unknown>> = {
  'for its own key': (cache) =>
    cache.getOrLoad('user:7', () => cache.getOrLoad('user:7', async () => 'inner', fresh), fresh),
  'for its own key, through another key': (cache) =>
    cache.getOrLoad(
      'user:7',
      () => cache.getOrLoad('team:1', () => cache.getOrLoad('user:7', async () => 'inner', fresh), fresh),
      fresh,
    ),
  'after a pause': (cache) =>
    cache.getOrLoad(
      'user:7',
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 10));
        return cache.getOrLoad('user:7', async () => 'inner', fresh);
      },
      fresh,
    ),
};

test.each(Object.keys(nestings))(
  'a load that calls getOrLoad %s does not wait for itself',
  async (nesting) => {
    const logger = recordingLogger();
    const cache = open({ logger });
    expect(await nestings[nesting]!(cache)).toBe('inner');
    expect(await cache.getOrLoad('user:7', async () => 'again', fresh)).toBe('inner');
    await emptyRedis(file.redis);
    await nestings[nesting]!(cache);
    expect(logger.lines.map(({ message }) => message.split(':')[0])).toEqual(['CACHE_LOAD_NESTED']);
  },
);

test('a load that calls getOrLoad of another instance, on another client, does not wait for itself', async () => {
  const { redis } = await throughProxy(file.server);
  const logger = recordingLogger();
  const [one, other] = [open({ waitMs: 60_000 }), open({ redis, logger, waitMs: 60_000 })];
  const inner = () => other.getOrLoad('user:7', async () => 'inner', fresh);
  expect(await one.getOrLoad('user:7', () => other.getOrLoad('team:1', inner, fresh), fresh)).toBe('inner');
  expect(logger.lines.map(({ message }) => message.split(':')[0])).toEqual(['CACHE_LOAD_NESTED']);
});

test('two loads that call getOrLoad for each other do not wait for each other', async () => {
  const cache = open();
  const both = gate();
  let begun = 0;
  const begin = () => (++begun === 2 ? both.open() : undefined);
  let alone = 0;
  const loadAlone = async () => `alone ${++alone}`;
  const loadOf = (other: string, value: string) => async () => {
    begin();
    await both.passed;
    return `${value} ${await cache.getOrLoad(other, loadAlone, fresh)}`;
  };
  const [one, two] = await Promise.all([
    cache.getOrLoad('user:1', loadOf('user:2', 'one'), fresh),
    cache.getOrLoad('user:2', loadOf('user:1', 'two'), fresh),
  ]);
  expect([one, two].sort()).toEqual(['one two alone 1', 'two alone 1'].sort());
  expect(alone).toBe(1);
});

test('a load that calls itself without end is refused', async () => {
  const cache = open();
  const load = (): Promise<string> => cache.getOrLoad('user:7', load, fresh);
  await expect(load()).rejects.toMatchObject({ code: 'CACHE_LOAD_RECURSIVE' });
});

test('callers beside a nested load still share it', async () => {
  const cache = open();
  const held = heldLoad(() => 'inner');
  const outer = () => cache.getOrLoad('team:1', held.load, fresh);
  const nested = cache.getOrLoad('user:7', outer, fresh);
  await eventually('a load', () => held.calls() === 1);
  const others = times(5, () => cache.getOrLoad('user:7', outer, fresh));
  held.go();
  expect(new Set(await Promise.all([nested, ...others]))).toEqual(new Set(['inner']));
  expect(held.calls()).toBe(1);
});

const absences: Record<string, () => Promise<CacheAside>> = {
  'does not answer': async () => {
    const { proxy, redis } = await throughProxy(file.server);
    proxy.swallow();
    return cacheAside({ redis, logger: quiet, timeoutMs: 100 });
  },
  'was never there': async () =>
    cacheAside({ redis: connectRedis({ url: 'redis://127.0.0.1:1', logger: quiet }), logger: quiet }),
};

test.each(Object.keys(absences))(
  'while Redis %s, 200 callers of one key load it once, and callers of another key once more',
  async (absence) => {
    const cache = await absences[absence]!();
    const [one, other] = [heldLoad(() => 'one'), heldLoad(() => 'other')];
    const ones = times(200, () => cache.getOrLoad('user:1', one.load, fresh));
    const others = times(200, () => cache.getOrLoad('user:2', other.load, fresh));
    await eventually('both load', () => one.calls() + other.calls() === 2);
    one.go();
    other.go();
    expect(new Set(await Promise.all(ones))).toEqual(new Set(['one']));
    expect(new Set(await Promise.all(others))).toEqual(new Set(['other']));
    expect([one.calls(), other.calls()]).toEqual([1, 1]);
  },
);

test('while Redis is away a caller gets no value whose load began before its call', async () => {
  const { proxy, redis } = await throughProxy(file.server);
  const cache = cacheAside({ redis, logger: quiet, timeoutMs: 100 });
  proxy.swallow();
  let value = 'old';
  const slow = gate();
  let loads = 0;
  const load = async () => {
    const read = value;
    if (++loads === 1) await slow.passed;
    return read;
  };
  const early = cache.getOrLoad('user:7', load, fresh);
  await eventually('a load', () => loads === 1);
  value = 'new';
  const late = times(10, () => cache.getOrLoad('user:7', load, fresh));
  slow.open();
  expect(await early).toBe('old');
  expect(new Set(await Promise.all(late))).toEqual(new Set(['new']));
  expect(loads).toBe(2);
});

test('a caller waits no longer than waitMs for the load of another', async () => {
  const held = heldLoad(() => 'held');
  const hanging = open().getOrLoad('user:7', held.load, fresh);
  await eventually('a load', () => held.calls() === 1);
  const impatient = open({ waitMs: 100 });
  const values = await Promise.all(times(3, () => impatient.getOrLoad('user:7', async () => 'own', fresh)));
  expect(values).toEqual(['own', 'own', 'own']);
  held.go();
  expect(await hanging).toBe('held');
});

test('a load that hangs is not waited for after waitMs, by callers in the same process either', async () => {
  const cache = open({ waitMs: 100 });
  const held = heldLoad(() => 'held');
  const hanging = cache.getOrLoad('user:7', held.load, fresh);
  await eventually('a load', () => held.calls() === 1);
  expect(await cache.getOrLoad('user:7', async () => 'own', fresh)).toBe('own');
  held.go();
  expect(await hanging).toBe('held');
});
