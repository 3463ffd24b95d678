import { mkdtemp, readdir, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { ask } from '../middleware/cache/support/cache-client.js';
import { eventually } from '../support/eventually.js';
import { forkTypeScript, type TypeScriptChild } from '../support/processes.js';
import { startRedis } from '../support/redis.js';
import { sized } from '../support/size.js';

const PROCESS_CRASHES = sized({ quick: 2, full: 100 });
const AT_ONCE = sized({ quick: 2, full: 5 });
// For each of five ways to persist.
const REDIS_CRASHES = sized({ quick: 1, full: 12 });
const headers = { host: 'site.example' };

/** Servers over one cache, and over another Redis that stands for the database. */
async function startSite(redisArgs: string[] = []) {
  const [cache, rows] = await Promise.all([startRedis({ args: redisArgs }), startRedis()]);
  const database = new Redis(rows.url);
  const started: TypeScriptChild[] = [];
  const start = async () => {
    const env = { REDIS_URL: cache.url, DATABASE: rows.url };
    const child = await forkTypeScript(join(__dirname, 'stale-reads-process.ts'), { env });
    started.push(child);
    return { url: await child.call<string>('listen'), pid: child.pid };
  };
  onTestFinished(async () => {
    database.disconnect();
    await Promise.all(started.map((child) => child.kill()));
    await Promise.all([cache.stop(), rows.stop()]);
  });
  return { cache, database, start, server: await start() };
}

type Site = Awaited<ReturnType<typeof startSite>>;

const change = (url: string, id: number, query = '') =>
  ask(url, `/change/by-request/${id}${query}`, { method: 'POST', headers }).then(
    ({ status }) => status,
    () => 'lost' as const,
  );
const valueIn = (body: Buffer | string): number => JSON.parse(String(body)).value;
const warm = ({ server }: Site, id: number) =>
  eventually('a hit', async () => (await ask(server.url, `/none/by-request/${id}`, { headers })).hit);

/** Readers of a row, who know before each read what the database holds; `stop` tells what they saw too late. */
function readOn({ server, database }: Site, id: number) {
  const stale: string[] = [];
  let [reads, isOver] = [0, false];
  const read = async () => {
    while (!isOver) {
      const committed = Number(await database.get(`row ${id}`));
      const { body } = await ask(server.url, `/none/by-request/${id}`, { headers });
      reads++;
      if (valueIn(body) < committed) stale.push(`row ${id}: ${body} after ${committed}`);
    }
  };
  const readers = Promise.all([read(), read(), read()]);
  readers.catch(() => {});
  return {
    async stop(moreReads: number) {
      const enough = reads + moreReads;
      await eventually('more reads', () => reads >= enough);
      isOver = true;
      await readers;
      return stale;
    },
  };
}

test('a process that dies between its commit and the purge leaves no stale answer', async () => {
  const site = await startSite();
  const stale: string[] = [];
  const crash = async (id: number) => {
    const [victim] = await Promise.all([site.start(), warm(site, id)]);
    const readers = readOn(site, id);
    // In a third of the crashes another change of the same row begins and ends around it.
    const changes = [change(victim.url, id, `?kill=${victim.pid}`)];
    if (id % 3 === 0) changes.push(change(site.server.url, id));
    await Promise.all(changes);
    stale.push(...(await readers.stop(10)));
  };
  for (let done = 0; done < PROCESS_CRASHES; done += AT_ONCE)
    await Promise.all(Array.from({ length: AT_ONCE }, (_, position) => crash(done + position)));
  expect(stale).toEqual([]);
}, 900_000);

interface Persistence {
  readonly args: string[];
  /** Called when the older answer lies in Redis. */
  note?(url: string, directory: string): Promise<unknown>;
  /** Called when Redis is dead. */
  loseTail?(directory: string): Promise<unknown>;
}

const snapshot = async (url: string) => {
  const client = new Redis(url);
  await client.save();
  client.disconnect();
};

/** What a power cut leaves of a file that is written to the disk once a second. */
function laggingFile(): Persistence {
  let length = 0;
  const file = async (directory: string) => {
    const files = await readdir(join(directory, 'appendonlydir'));
    return join(directory, 'appendonlydir', files.find((name) => name.endsWith('.incr.aof'))!);
  };
  return {
    args: ['--appendonly', 'yes', '--appendfsync', 'everysec'],
    note: async (_url, directory) => (length = (await stat(await file(directory))).size),
    loseTail: async (directory) => truncate(await file(directory), length),
  };
}

const PERSISTENCE: Record<string, Persistence> = {
  nothing: { args: [] },
  'a snapshot from before the change': { args: [], note: snapshot },
  'an append-only file, synced once a second': {
    args: ['--appendonly', 'yes', '--appendfsync', 'everysec'],
  },
  'an append-only file, synced always': { args: ['--appendonly', 'yes', '--appendfsync', 'always'] },
  'an append-only file that lost its last second': laggingFile(),
};

test.each(Object.keys(PERSISTENCE))(
  'a Redis that dies between a commit and its purge and comes back with %s: no stale answer',
  async (name) => {
    const { args, note, loseTail } = PERSISTENCE[name]!;
    const directory = await mkdtemp(join(tmpdir(), 'crashed-redis-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const site = await startSite(['--dir', directory, ...args]);
    const stale: string[] = [];
    for (let id = 0; id < REDIS_CRASHES; id++) {
      await warm(site, id);
      await note?.(site.cache.url, directory);
      const readers = readOn(site, id);
      const changes = [change(site.server.url, id, `?kill=${site.cache.pid}`)];
      if (id % 3 === 0) changes.push(change(site.server.url, id));
      expect(await changes[0]).toBe(200);
      await Promise.all(changes);
      await site.cache.kill();
      await loseTail?.(directory);
      await site.cache.restart();
      await eventually('Redis is asked again', async () => {
        const { headers: of } = await ask(site.server.url, `/none/by-request/${id}`, { headers });
        return !String(of['cache-status']).includes('bypass');
      });
      stale.push(...(await readers.stop(10)));
    }
    expect(stale).toEqual([]);
  },
  900_000,
);
