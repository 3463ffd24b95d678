import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cacheAside } from '../../src/cache-aside/cache-aside.js';
import { ask } from '../middleware/cache/support/cache-client.js';
import { forkTypeScript, type TypeScriptChild } from '../support/processes.js';
import { startRedis } from '../support/redis.js';
import { sized } from '../support/size.js';

const ROWS = 50;
const headers = { host: 'site.example' };
const pick = (below: number) => Math.floor(Math.random() * below);

async function startSite() {
  const [cache, rows] = await Promise.all([startRedis(), startRedis()]);
  const database = new Redis(rows.url);
  const keys = new Redis(cache.url);
  const env = { REDIS_URL: cache.url, DATABASE: rows.url };
  const start = async () => {
    const child = await forkTypeScript(join(__dirname, 'stale-reads-process.ts'), { env });
    return { child, url: await child.call<string>('listen') };
  };
  const servers = await Promise.all([start(), start(), start()]);
  const started: TypeScriptChild[] = servers.map(({ child }) => child);
  return {
    database,
    keys,
    cache: cacheAside({ redis: keys, timeoutMs: 1000 }),
    any: () => servers[pick(servers.length)]!.url,
    async replaceOne() {
      const at = pick(servers.length);
      const { child } = servers[at]!;
      const next = await start();
      started.push(next.child);
      servers[at] = next;
      await child.kill();
    },
    async stop() {
      database.disconnect();
      keys.disconnect();
      await Promise.all(started.map((child) => child.kill()));
      await Promise.all([cache.stop(), rows.stop()]);
    },
  };
}

let site: Awaited<ReturnType<typeof startSite>>;
beforeAll(async () => {
  site = await startSite();
});
afterAll(() => site.stop());

// What was answered to a writer, and when. The newest of it is the least that a later read may see.
type Known = { value: number; at: number }[];

/** For how long a read that began at a moment and saw a value was behind what had been answered to writers. */
function behindMs(known: Known, value: number, began: number): number {
  const newer = known.find((change) => change.value > value && change.at < began);
  return newer ? began - newer.at : 0;
}

interface Case {
  method: 'GET' | 'QUERY';
  tags: 'by request' | 'by handler' | 'by group' | 'by URL';
  near: 'none' | 'validated' | 'tracked';
  /** How long after a change was answered an older value may still be seen. */
  boundMs: number;
  reads: number;
}

const [whole, part] = [sized({ quick: 200, full: 12_000 }), sized({ quick: 150, full: 3_000 })];
const cases: Case[] = [
  { method: 'GET', tags: 'by request', near: 'none', boundMs: 0, reads: whole },
  { method: 'GET', tags: 'by handler', near: 'none', boundMs: 0, reads: part },
  { method: 'GET', tags: 'by group', near: 'none', boundMs: 0, reads: part },
  { method: 'QUERY', tags: 'by URL', near: 'none', boundMs: 0, reads: part },
  { method: 'GET', tags: 'by request', near: 'validated', boundMs: 0, reads: part },
  { method: 'GET', tags: 'by request', near: 'tracked', boundMs: 1_000, reads: part },
  ...sized<Case[]>({
    quick: [],
    full: [
      { method: 'QUERY', tags: 'by request', near: 'none', boundMs: 0, reads: part },
      { method: 'QUERY', tags: 'by group', near: 'none', boundMs: 0, reads: part },
      { method: 'QUERY', tags: 'by group', near: 'validated', boundMs: 0, reads: part },
      { method: 'QUERY', tags: 'by group', near: 'tracked', boundMs: 1_000, reads: part },
    ],
  }),
];

test.each(cases)(
  '$method, tags $tags, near cache $near: no read that began more than $boundMs ms after a change was answered sees an older value',
  async ({ method, tags, near, boundMs, reads: most }) => {
    const known = Array.from({ length: ROWS }, (): Known => []);
    const kind = tags.toLowerCase().replace(' ', '-');
    const nameOf = (id: number) => `${method}-${near}-${kind}-${id}`;
    const urlOf = (id: number) => `/${near}/${kind}/${nameOf(id)}`;
    const wrong: string[] = [];
    const behind: number[] = [];
    let [reads, hits] = [0, 0];
    const isOver = () => reads >= most;

    const askOne = (id: number, view: number) => {
      if (method === 'GET') return ask(site.any(), urlOf(id), { headers });
      const content = JSON.stringify({ view });
      const own = {
        ...headers,
        'Content-Type': 'application/json',
        'Content-Length': String(content.length),
      };
      return ask(site.any(), urlOf(id), { method, headers: own, content });
    };
    const read = async () => {
      while (!isOver()) {
        const [id, view] = [pick(ROWS), pick(2)];
        const began = performance.now();
        const reply = await askOne(id, view).catch(() => undefined);
        reads++;
        if (reply?.status !== 200) continue;
        if (reply.hit) hits++;
        const seen = JSON.parse(reply.body.toString()) as { value: number; view?: number };
        if (seen.view !== (method === 'GET' ? undefined : view))
          wrong.push(`row ${id}: view ${seen.view}, not ${view}`);
        const late = behindMs(known[id]!, seen.value, began);
        if (late > 0) behind.push(late);
        if (late > boundMs) wrong.push(`row ${id}: ${seen.value} after ${late} ms`);
      }
    };
    const changeByRequest = async (id: number) => {
      const path = tags === 'by URL' ? urlOf(id) : `/change/${kind}/${nameOf(id)}`;
      const reply = await ask(site.any(), path, { method: 'POST', headers });
      return reply.status === 200
        ? (JSON.parse(reply.body.toString()) as { value: number }).value
        : undefined;
    };
    // Without marks: the first that a process hears of it is the purge.
    const changeByCode = async (id: number) => {
      const value = await site.database.incr(`row ${nameOf(id)}`);
      await site.cache.invalidateTags([`row:${nameOf(id)}`]);
      return value;
    };
    const write = async (change: (id: number) => Promise<number | undefined>) => {
      while (!isOver()) {
        const id = pick(ROWS);
        const value = await change(id).catch(() => undefined);
        if (value !== undefined) known[id]!.push({ value, at: performance.now() });
        await sleep(pick(8));
      }
    };
    const isByCode = near !== 'none' && (tags === 'by request' || tags === 'by handler');
    const evict = async () => {
      while (!isOver()) {
        const key = await site.keys.randomkey();
        if (key) await site.keys.del(key);
        await sleep(2);
      }
    };
    const kill = async () => {
      while (!isOver()) {
        await site.replaceOne();
        await sleep(1_000);
      }
    };
    await Promise.all([
      // A process that is killed leaves fills of which nobody hears for 5 s; meanwhile others read.
      ...Array.from({ length: 40 }, read),
      write(changeByRequest),
      write(isByCode ? changeByCode : changeByRequest),
      evict(),
      kill(),
    ]);
    behind.sort((a, b) => a - b);
    const [median, last] = [behind[behind.length >> 1], behind.at(-1)].map((ms) => ms?.toFixed(1) ?? '-');
    console.log(
      `${reads} reads (${method}), ${hits} hits, tags ${tags}, near ${near}; ${behind.length} behind, by ${median} ms at the median, ${last} at most`,
    );
    expect(wrong).toEqual([]);
    // Each change anywhere keeps the fills of the moment from being stored when their tags were not known before.
    expect(hits).toBeGreaterThan(tags === 'by request' ? most / 10 : most / 50);
  },
  600_000,
);
