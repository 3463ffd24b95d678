import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { ask } from '../middleware/cache-client.js';
import { eventually } from '../support/eventually.js';
import { forkTypeScript, type TypeScriptChild } from '../support/processes.js';
import { startRedis } from '../support/redis.js';
import { sized } from '../support/size.js';

const CRASHES = sized({ quick: 9, full: 300 });
const headers = { host: 'site.example' };

test('a process that dies between its commit and the purge leaves no stale answer', async () => {
  const [cache, rows] = await Promise.all([startRedis(), startRedis()]);
  const database = new Redis(rows.url);
  const started: TypeScriptChild[] = [];
  onTestFinished(async () => {
    database.disconnect();
    await Promise.all(started.map((child) => child.kill()));
    await Promise.all([cache.stop(), rows.stop()]);
  });
  const start = async () => {
    const env = { REDIS_URL: cache.url, DATABASE: rows.url, TAGS: 'by request' };
    const child = await forkTypeScript(join(__dirname, 'stale-reads-process.ts'), { env });
    started.push(child);
    return child.call<string>('listen');
  };
  const survivor = await start();
  const read = (id: number) => ask(survivor, `/rows/${id}`, { headers });
  const stale: string[] = [];
  for (let id = 0; id < CRASHES; id++) {
    await eventually('a hit', async () => (await read(id)).hit);
    const victim = await start();
    const crash = ask(victim, `/change/${id}?die`, { method: 'POST', headers }).catch(() => 'died');
    // A third of the time another change of the same row ends before or after the crash.
    const other = id % 3 === 0 ? ask(survivor, `/change/${id}`, { method: 'POST', headers }) : undefined;
    expect(await crash).toBe('died');
    await other;
    const committed = Number(await database.get(`row ${id}`));
    const seen = Number((await read(id)).body);
    if (seen < committed) stale.push(`row ${id}: ${seen} after ${committed}`);
  }
  expect(stale).toEqual([]);
}, 900_000);
