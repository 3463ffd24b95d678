import { expect, test } from 'vitest';
import { ResponseCache } from '../../../src/cache/response-cache.js';
import type { ToolkitError } from '../../../src/errors.js';
import { SessionStore } from '../../../src/sessions/session-store.js';
import { FillLeases } from '../../../src/single-flight/fill-lease.js';
import { pinVersions } from '../../../src/tags/pinned-versions.js';
import { countedRedis } from '../../middleware/support/counted-redis.js';
import { redisForFile, throughProxy } from '../../middleware/support/redis-for-file.js';
import { eventually } from '../../support/eventually.js';
import { terms } from '../support/fresh-terms.js';

const file = redisForFile();
const options = { prefix: '', timeoutMs: 10_000 };
const storeOn = (redis: typeof file.redis, timeoutMs = 10_000) =>
  new SessionStore(redis, { prefix: '', timeoutMs, maxBytes: 1_000, absoluteTimeoutMs: 60_000 });
const fields = (values: Record<string, unknown>) =>
  new Map(Object.entries(values).map(([name, value]) => [name, JSON.stringify(value)]));

async function fill(cache: ResponseCache, id: string, tags: readonly string[], body: string) {
  const versions = pinVersions(tags, await cache.versions.readOrCreate(tags))!;
  const head = { status: 200, fields: {}, terms, versions, vary: [], variant: '' };
  await cache.store(id, { head, body: Buffer.from(body) }, 60_000);
}

const bodyOf = async (cache: ResponseCache, id: string, tags: readonly string[]) =>
  (await cache.lookUp(id, tags, {})).entry?.body.toString();
const times = <T>(count: number, act: () => T) => Array.from({ length: count }, act);

test('look-ups of the same entry in one turn are one command, look-ups of different entries one each', async () => {
  const counted = await countedRedis();
  const cache = new ResponseCache(counted.redis, options);
  await fill(cache, 'one', ['a'], 'first');
  await fill(cache, 'two', ['a', 'b'], 'second');
  await cache.lookUp('one', ['a'], {});
  let bodies: unknown[] = [];
  const cost = await counted.costOf(async () => {
    bodies = await Promise.all([
      ...times(10, () => bodyOf(cache, 'one', ['a'])),
      ...times(10, () => bodyOf(cache, 'two', ['a', 'b'])),
      ...times(10, () => bodyOf(cache, 'two', ['a', 'c'])),
    ]);
  });
  expect(cost).toEqual({ commands: ['mget', 'mget', 'mget'], writes: 1, packets: 1 });
  expect(bodies).toEqual([
    ...times(10, () => 'first'),
    ...times(10, () => 'second'),
    ...times(10, () => undefined),
  ]);
});

test('reads of a session in one turn are one command, of several sessions one each', async () => {
  const counted = await countedRedis();
  const store = storeOn(counted.redis);
  await Promise.all(['a', 'b'].map((id) => store.create(id, fields({ id }), 60_000)));
  for (const command of ['evalsha', 'hgetall']) {
    // The second time they are known, and not to be slid yet.
    if (command === 'evalsha') await store.load('nobody').then(() => store.load('nobody'));
    const cost = await counted.costOf(async () => {
      const loaded = await Promise.all(['a', 'b', 'a', 'a', 'b'].map((id) => store.load(id)));
      expect(loaded.map((one) => one!.fields.get('id'))).toEqual(['"a"', '"b"', '"a"', '"a"', '"b"']);
    });
    expect(cost).toEqual({ commands: [command, command], writes: 1, packets: 1 });
  }
});

test('a look-up after an acknowledged purge sees it, although the same question is still in flight', async () => {
  const { proxy, redis } = await throughProxy(file.server);
  const cache = new ResponseCache(redis, options);
  const other = new ResponseCache(file.redis, options);
  await fill(cache, 'purged', ['a'], 'old');
  expect(await bodyOf(cache, 'purged', ['a'])).toBe('old');
  proxy.writes.length = 0;
  proxy.freeze();
  const before = bodyOf(cache, 'purged', ['a']);
  await eventually('the question was sent', () => proxy.writes.length > 0);
  const sent = proxy.writes.length;
  await other.versions.invalidate(['a']);
  await fill(other, 'purged', ['a'], 'new');
  const after = bodyOf(cache, 'purged', ['a']);
  await eventually('asked anew', () => proxy.writes.length > sent);
  proxy.thaw();
  expect(await after).toBe('new');
  await before;
});

test('a look-up behind a store or a lease of the same turn is answered after it', async () => {
  const cache = new ResponseCache(file.redis, options);
  await fill(cache, 'ordered', ['a'], 'old');
  const ask = () => bodyOf(cache, 'ordered', ['a']);
  const versions = pinVersions(['a'], await cache.versions.readOrCreate(['a']))!;
  const head = { status: 200, fields: {}, terms, versions, vary: [], variant: '' };
  const [before, , after] = await Promise.all([
    ask(),
    cache.store('ordered', { head, body: Buffer.from('new') }, 60_000),
    ask(),
  ]);
  expect([before, after]).toEqual(['old', 'new']);

  const counted = await countedRedis();
  const other = new ResponseCache(counted.redis, options);
  const leases = new FillLeases(counted.redis, options);
  // At first the cache also asks for the state of a server that it has not met before.
  await eventually('a look-up is one command', async () => {
    const { commands } = await counted.costOf(() => other.lookUp('leased', [], {}));
    return commands.length === 1;
  });
  const { commands } = await counted.costOf(() =>
    Promise.all([
      other.lookUp('leased', [], {}),
      leases.take('leased'),
      ...times(3, () => other.lookUp('leased', [], {})),
    ]),
  );
  expect(commands).toEqual(['mget', 'set', 'mget']);
});

test('a question of an earlier turn is asked again', async () => {
  const cache = new ResponseCache(file.redis, options);
  const store = storeOn(file.redis);
  await fill(cache, 'again', ['a'], 'old');
  await store.create('again', fields({ n: 1 }), 60_000);
  for (let n = 1; n <= 3; n++) {
    const [body, loaded] = await Promise.all([bodyOf(cache, 'again', ['a']), store.load('again')]);
    expect([body, loaded!.fields.get('n')]).toEqual(['old', '1']);
  }
  await cache.versions.invalidate(['a']);
  await store.destroy('again');
  expect([await bodyOf(cache, 'again', ['a']), await store.load('again')]).toEqual([undefined, undefined]);
});

test('a failed question fails for all callers who share it, and for no later caller', async () => {
  const { proxy, redis } = await throughProxy(file.server);
  const cache = new ResponseCache(redis, { ...options, timeoutMs: 300 });
  const store = storeOn(redis, 300);
  await fill(new ResponseCache(file.redis, options), 'failing', ['a'], 'there');
  await storeOn(file.redis).create('failing', fields({ n: 1 }), 60_000);
  const ask = () => Promise.all([bodyOf(cache, 'failing', ['a']), store.load('failing')]);
  await eventually('it is read', () => ask().then(Boolean, () => false));
  proxy.swallow();
  const codeOf = (asked: Promise<unknown>) => asked.catch((error: ToolkitError) => error.code);
  const failed = await Promise.all([
    ...times(3, () => codeOf(cache.lookUp('failing', ['a'], {}))),
    ...times(3, () => codeOf(store.load('failing'))),
  ]);
  expect(failed).toEqual(times(6, () => 'REDIS_UNAVAILABLE'));
  proxy.thaw();
  proxy.sever();
  await eventually('it is read again', async () => {
    const [body, loaded] = await ask().catch(() => []);
    return body === 'there' && loaded?.fields.get('n') === '1';
  });
});
