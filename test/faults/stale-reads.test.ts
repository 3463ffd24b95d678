import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { ask } from '../middleware/cache-client.js';
import { forkTypeScript, type TypeScriptChild } from '../support/processes.js';
import { startRedis } from '../support/redis.js';
import { sized } from '../support/size.js';

const ROWS = 50;
const READS = sized({ quick: 6_000, full: 100_000 });
const headers = { host: 'site.example' };
const pick = (below: number) => Math.floor(Math.random() * below);

async function startSite(tags: string) {
  const [cache, rows] = await Promise.all([startRedis(), startRedis()]);
  const database = new Redis(rows.url);
  const keys = new Redis(cache.url);
  const env = { REDIS_URL: cache.url, DATABASE: rows.url, TAGS: tags };
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

// What is known to have been answered to a writer is the least that a later read may see.
const known = new Array<number>(ROWS).fill(0);

test.each(['by request', 'by handler'])(
  'tags named %s: no read that began after a change was answered sees an older value',
  async (tags) => {
    known.fill(0);
    const site = await startSite(tags);
    const stale: string[] = [];
    let [reads, hits] = [0, 0];
    const isOver = () => reads >= READS;

    const read = async () => {
      while (!isOver()) {
        const id = pick(ROWS);
        const least = known[id]!;
        const reply = await ask(site.any(), `/rows/${id}`, { headers }).catch(() => undefined);
        reads++;
        if (reply?.status !== 200) continue;
        if (reply.hit) hits++;
        const value = Number(reply.body);
        if (value < least) stale.push(`row ${id}: ${value} after ${least}`);
      }
    };
    const write = async () => {
      while (!isOver()) {
        const id = pick(ROWS);
        const reply = await ask(site.any(), `/change/${id}`, { method: 'POST', headers }).catch(
          () => undefined,
        );
        if (reply?.status === 200) known[id] = Math.max(known[id]!, Number(reply.body));
        await sleep(pick(8));
      }
    };
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
    await Promise.all([...Array.from({ length: 12 }, read), write(), write(), evict(), kill()]);
    console.log(`${reads} reads, ${hits} hits, tags ${tags}`);
    expect(stale).toEqual([]);
    // Each change anywhere keeps the fills of the moment from being stored when their tags were not known before.
    expect(hits).toBeGreaterThan(tags === 'by request' ? READS / 10 : READS / 50);
  },
  600_000,
);
