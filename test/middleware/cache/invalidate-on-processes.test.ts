import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { emptyRedis } from '../../support/empty-redis.js';
import { eventually } from '../../support/eventually.js';
import { forkTypeScript, type TypeScriptChild } from '../../support/processes.js';
import { redisForFile } from '../support/redis-for-file.js';
import { ask } from './support/cache-client.js';

const file = redisForFile();
let database: Redis;
const started: TypeScriptChild[] = [];

beforeAll(() => {
  database = new Redis(file.server.url, { db: 1 });
});
beforeEach(async () => {
  await emptyRedis(file.redis);
  await database.flushdb();
  await database.set('value', 0);
});
afterAll(async () => {
  await Promise.all(started.map((child) => child.kill()));
  await database.flushdb();
  database.disconnect();
});

// One host for all, as behind a load balancer.
const host = 'site.example';

async function startProcess() {
  const child = await forkTypeScript(join(__dirname, 'support/cache-process.ts'), {
    env: { REDIS_URL: file.server.url },
  });
  started.push(child);
  const url = await child.call<string>('listen');
  const send = (method: string) => (wait?: string) =>
    ask(url, '/thing', { method, headers: { host, ...(wait && { 'x-wait': wait }) } });
  return { child, get: send('GET'), patch: send('PATCH') };
}

const reached = (at: string) => eventually(at, async () => (await database.exists(`reached:${at}`)) === 1);
const go = (at: string) => database.set(`go:${at}`, 1);

test('a fill of one process that began before an invalidation by another is never served by either', async () => {
  const [one, two] = await Promise.all([startProcess(), startProcess()]);
  for (let round = 0; round < 10; round++) {
    await database.del('go:fill', 'reached:fill');
    const slow = one.get('fill');
    await reached('fill');
    await two.patch();
    await go('fill');
    const { body, stored } = await slow;
    expect({ body: String(body), stored }).toEqual({ body: String(round), stored: true });
    await eventually('the fill is in Redis', async () => (await file.redis.keys('cache:*')).length > 0);
    for (const each of [two, one]) expect(String((await each.get()).body)).toBe(String(round + 1));
    await emptyRedis(file.redis);
  }
});

test.each([false, true])(
  'a process killed between commit and purge leaves nothing stale (other mutation in flight: %s)',
  async (other) => {
    const [reader, writer] = await Promise.all([startProcess(), startProcess()]);
    await eventually('a hit', async () => (await reader.get()).hit);
    writer.patch('commit').catch(() => {});
    await reached('commit');
    if (other) expect((await reader.patch()).status).toBe(200);
    await writer.child.kill();
    const now = other ? '2' : '1';
    for (let i = 0; i < 3; i++) {
      const { body, hit, stored } = await reader.get();
      expect({ body: String(body), hit, stored }).toEqual({ body: now, hit: false, stored: false });
    }
    // The mark of the dead expires; nobody is left to take it out.
    for (const key of await file.redis.keys('tag:*')) {
      expect(await file.redis.pttl(key)).toBeGreaterThan(0);
      await file.redis.pexpire(key, 0);
    }
    await eventually('a hit', async () => (await reader.get()).hit);
    expect(String((await reader.get()).body)).toBe(now);
  },
);
