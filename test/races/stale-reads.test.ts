import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { cacheAside } from '../../src/cache-aside/cache-aside.js';
import { ask } from '../middleware/cache/support/cache-client.js';
import { forkTypeScript, type TypeScriptChild } from '../support/processes.js';
import { startRedis } from '../support/redis.js';
import { sized } from '../support/size.js';

const ROWS = 50;
const headers = { host: 'site.example' };
const pick = (below: number) => Math.floor(Math.random() * below);

async function startSite(tags: string, near: string) {
  const [cache, rows] = await Promise.all([startRedis(), startRedis()]);
  const database = new Redis(rows.url);
  const keys = new Redis(cache.url);
  const env = { REDIS_URL: cache.url, DATABASE: rows.url, TAGS: tags, NEAR: near };
  const start = async () => {
    const child = await forkTypeScript(join(__dirname, 'stale-reads-process.ts'), { env });
    return { child, url: await child.call<string>('listen') };
  };
  const servers = await Promise.all([start(), start(), start()]);
  const started: TypeScriptChild[] = servers.map(({ child }) => child);
  onTestFinished(async () => {
    database.disconnect();
    keys.disconnect();
    await Promise.all(started.map((child) => child.kill()));
    await Promise.all([cache.stop(), rows.stop()]);
  });
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
  };
}

// What was answered to a writer, and when. The newest of it is the least that a later read may see.
type Known = { value: number; at: number }[];

/** For how long a read that began at a moment and saw a value was behind what had been answered to writers. */
function behindMs(known: Known, value: number, began: number): number {
  const newer = known.find((change) => change.value > value && change.at < began);
  return newer ? began - newer.at : 0;
}

interface Case {
  tags: 'by request' | 'by handler';
  near: 'none' | 'validated' | 'tracked';
  /** How long after a change was answered an older value may still be seen. */
  boundMs: number;
  reads: number;
}

const [whole, part] = [sized({ quick: 400, full: 100_000 }), sized({ quick: 300, full: 25_000 })];
const cases: Case[] = [
  { tags: 'by request', near: 'none', boundMs: 0, reads: whole },
  { tags: 'by handler', near: 'none', boundMs: 0, reads: part },
  { tags: 'by request', near: 'validated', boundMs: 0, reads: part },
  { tags: 'by request', near: 'tracked', boundMs: 1_000, reads: part },
];

test.each(cases)(
  'tags $tags, near cache $near: no read that began more than $boundMs ms after a change was answered sees an older value',
  async ({ tags, near, boundMs, reads: most }) => {
    const known = Array.from({ length: ROWS }, (): Known => []);
    const site = await startSite(tags, near);
    const stale: string[] = [];
    const behind: number[] = [];
    let [reads, hits] = [0, 0];
    const isOver = () => reads >= most;

    const read = async () => {
      while (!isOver()) {
        const id = pick(ROWS);
        const began = performance.now();
        const reply = await ask(site.any(), `/rows/${id}`, { headers }).catch(() => undefined);
        reads++;
        if (reply?.status !== 200) continue;
        if (reply.hit) hits++;
        const value = Number(reply.body);
        const late = behindMs(known[id]!, value, began);
        if (late > 0) behind.push(late);
        if (late > boundMs) stale.push(`row ${id}: ${value} after ${late} ms`);
      }
    };
    const changeByRequest = async (id: number) => {
      const reply = await ask(site.any(), `/change/${id}`, { method: 'POST', headers });
      return reply.status === 200 ? Number(reply.body) : undefined;
    };
    // Without marks: the first that a process hears of it is the purge.
    const changeByCode = async (id: number) => {
      const value = await site.database.incr(`row ${id}`);
      await site.cache.invalidateTags([`row:${id}`]);
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
    const otherChange = near === 'none' ? changeByRequest : changeByCode;
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
      ...Array.from({ length: 12 }, read),
      write(changeByRequest),
      write(otherChange),
      evict(),
      kill(),
    ]);
    behind.sort((a, b) => a - b);
    const [median, last] = [behind[behind.length >> 1], behind.at(-1)].map((ms) => ms?.toFixed(1) ?? '-');
    console.log(
      `${reads} reads, ${hits} hits, tags ${tags}, near ${near}; ${behind.length} behind, by ${median} ms at the median, ${last} at most`,
    );
    expect(stale).toEqual([]);
    // Each change anywhere keeps the fills of the moment from being stored when their tags were not known before.
    expect(hits).toBeGreaterThan(tags === 'by request' ? most / 10 : most / 50);
  },
  600_000,
);
