import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { ask } from '../middleware/cache/support/cache-client.js';
import { eventually } from '../support/eventually.js';
import { forkTypeScript } from '../support/processes.js';
import { startProxy } from '../support/proxy.js';
import { printedSeed, random } from '../support/random.js';
import { startRedis } from '../support/redis.js';
import { sized } from '../support/size.js';

const headers = { host: 'site.example' };

/** Two processes over one cache. The mutating one reaches Redis through a proxy, so that it can be kept away. */
async function startSite() {
  const [cache, rows] = await Promise.all([startRedis(), startRedis()]);
  const proxy = await startProxy(cache.port);
  const start = async (url: string) => {
    const env = { REDIS_URL: url, DATABASE: rows.url };
    const child = await forkTypeScript(join(__dirname, 'lost-state-process.ts'), { env });
    const at = await child.call<string>('listen');
    return { child, send: (method: string) => ask(at, '/row', { method, headers }) };
  };
  const [writer, reader] = await Promise.all([start(`redis://127.0.0.1:${proxy.port}`), start(cache.url)]);
  const keys = new Redis(cache.url);
  keys.on('error', () => {});
  onTestFinished(async () => {
    keys.disconnect();
    await Promise.all([writer, reader].map(({ child }) => child.kill()));
    await proxy.close();
    await Promise.all([cache.stop(), rows.stop()]);
  });
  const readFrom = async ({ send }: typeof reader) => {
    const { body, hit, headers: of } = await send('GET');
    return { value: String(body), hit, isBypass: String(of['cache-status']).includes('bypass') };
  };
  const read = () => readFrom(reader);
  const reaches = (name: string, by: typeof reader) =>
    eventually(`the ${name} reaches Redis`, async () => !(await readFrom(by)).isBypass);
  return {
    cache,
    proxy,
    keys,
    writer,
    read,
    isCached: () => eventually('a hit', async () => (await read()).hit),
    /** Begins a change. On a busy machine Redis may not take its mark in time: it is refused, and has to begin again. */
    async begins(method: string) {
      for (;;) {
        const answer = writer.send(method);
        const hasBegun = writer.child.call('hasBegun').then(
          () => true,
          () => false,
        );
        if (await Promise.race([hasBegun, answer.then(() => false)])) return { answer };
      }
    },
    writerReaches: () => reaches('writer', writer),
    /** The reader reaches Redis, and had every chance to store the older value. */
    async readsBefore(value: string) {
      await reaches('reader', reader);
      for (let reads = 0; reads < 5; reads++) {
        expect((await read()).value).toBe(value);
        await sleep(10);
      }
    },
  };
}

type Site = Awaited<ReturnType<typeof startSite>>;

const FAULTS: Record<string, (site: Site) => Promise<unknown>> = {
  'Redis is killed and comes back empty, and the mutating process cannot reach it yet': async (site) => {
    site.proxy.freeze();
    await site.cache.kill();
    await site.cache.restart();
  },
  'Redis is flushed': ({ keys }) => keys.flushall(),
  'Redis is flushed, and the mutating process loses its connection': async ({ keys, proxy }) => {
    proxy.freeze();
    await keys.flushall();
  },
  'Redis is flushed, then killed, comes back empty, and the mutating process cannot reach it yet': async (
    site,
  ) => {
    site.proxy.freeze();
    await site.keys.flushall();
    await site.readsBefore('0');
    await site.cache.kill();
    await site.cache.restart();
  },
  'its mark is evicted': ({ keys }) => keys.del('tag:row'),
};

const CASES = Object.keys(FAULTS).flatMap((fault, position) => [
  [fault, 'invalidateOn', 'PATCH'] as const,
  ...(position === 0 || sized({ quick: false, full: true }) ? [[fault, 'mutate', 'PUT'] as const] : []),
]);

test.each(CASES)(
  'during a mutation %s: after its 2xx by %s no older value is served',
  async (fault, _how, method) => {
    const site = await startSite();
    await site.isCached();
    const { answer } = await site.begins(method);
    await FAULTS[fault]!(site);
    await site.readsBefore('0');
    await site.writer.child.call('commit');
    expect(await answer).toMatchObject({ status: 200, body: Buffer.from('1') });
    for (let reads = 0; reads < 10; reads++) expect((await site.read()).value).toBe('1');
  },
  30_000,
);

test('Redis is flushed, and the mutating process is killed after its commit: no older value is served', async () => {
  const site = await startSite();
  await site.isCached();
  const { answer } = await site.begins('PATCH');
  await site.keys.flushall();
  await site.readsBefore('0');
  await eventually(
    'the mark is there again',
    async () => (await site.keys.get('tag:row'))?.startsWith('!') === true,
  );
  // The commit is made, its purge is not.
  site.proxy.freeze();
  await site.writer.child.call('commit');
  await eventually('the commit', async () => (await site.read()).value === '1');
  await site.writer.child.kill();
  await answer.catch(() => undefined);
  for (let reads = 0; reads < 10; reads++) expect((await site.read()).value).toBe('1');
  // The process had set its marks again, and nobody removes them before they expire.
  expect(await site.keys.get('tag:row')).toMatch(/^!/);
  await site.keys.del(...(await site.keys.keys('tag:*')));
  await site.isCached();
  expect((await site.read()).value).toBe('1');
}, 30_000);

const ROUNDS = sized({ quick: 1, full: 60 });

test(`${ROUNDS} losses at random moments of a mutation of 300 ms: no older value is served after its 2xx`, async () => {
  const site = await startSite();
  const { next: chance } = random(printedSeed('losses'));
  const losses: (() => Promise<unknown>)[] = [
    () => site.keys.flushall(),
    async () => {
      await site.cache.kill();
      await site.cache.restart();
    },
    async () => {
      await site.keys.flushall();
      await sleep(chance() * 100);
      await site.cache.kill();
      await site.cache.restart();
    },
  ];
  const stale: string[] = [];
  let [acknowledged, isOver] = [0, false];
  const readOn = async () => {
    while (!isOver) {
      const least = acknowledged;
      const { value } = await site.read();
      if (Number(value) < least) stale.push(`${value} after ${least}`);
    }
  };
  const readers = Promise.all([readOn(), readOn(), readOn()]);
  for (let round = 0; round < ROUNDS; round++) {
    await site.writerReaches();
    await site.isCached();
    const { answer } = await site.begins(round % 2 === 0 ? 'PATCH' : 'PUT');
    const lose = losses[round % losses.length]!;
    // The writer reconnects later than the reader, by up to a second.
    const keepAway = async () => {
      await sleep(chance() * 250);
      site.proxy.freeze();
      await lose();
      await sleep(chance() * 1_000);
      site.proxy.thaw();
      site.proxy.sever();
    };
    const away = keepAway();
    await sleep(300);
    await site.writer.child.call('commit');
    const { status, body } = await answer;
    if (status === 200) acknowledged = Number(body);
    await away;
    await sleep(chance() * 300);
  }
  isOver = true;
  await readers;
  expect(stale).toEqual([]);
}, 600_000);
