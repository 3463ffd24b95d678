import { join } from 'node:path';
import request from 'supertest';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { forkTypeScript, type TypeScriptChild } from '../../support/processes.js';
import { startRedis, type TestRedis } from '../../support/redis.js';
import { operator } from './support/ops-client.js';

const PROCESSES = 10;

interface Seen {
  id: string;
  isSilent: boolean;
}

let server: TestRedis;
let children: TypeScriptChild[];
let urls: string[];
beforeAll(async () => {
  server = await startRedis();
  const file = join(__dirname, 'support/ops-process.ts');
  const env = { REDIS_URL: server.url };
  children = await Promise.all(Array.from({ length: PROCESSES }, () => forkTypeScript(file, { env })));
  urls = await Promise.all(children.map((child) => child.call<string>('listen')));
}, 60_000);
afterAll(async () => {
  for (const child of children) await child.kill('SIGKILL');
  await server.stop();
});

const state = async (url = urls[0]!) => (await request(url).get('/ops/api/state').expect(200)).body;
const isOf = (child: TypeScriptChild) => (seen: Seen) => seen.id.includes(`:${child.pid}:`);

async function seesProcesses(live: number, silent: number): Promise<Seen[]> {
  let processes: Seen[] = [];
  await eventually(`${live} live and ${silent} silent processes`, async () => {
    ({ processes } = await state());
    const silentNow = processes.filter(({ isSilent }) => isSilent).length;
    return processes.length - silentNow === live && silentNow === silent;
  });
  return processes;
}

test('ten processes are seen, and their requests are added up', async () => {
  await seesProcesses(PROCESSES, 0);
  for (const url of urls) await request(url).get('/').expect(200);
  await eventually(
    'the requests of all processes',
    async () => {
      const { limits } = await state();
      return limits.some((each: { limiter: string; admitted: number }) => each.admitted === PROCESSES);
    },
    { withinMs: 2_500 },
  );
  expect((await state()).limiters).toMatchObject([
    { id: '1m', policies: [{ name: 'default', limit: 1_000 }] },
  ]);
});

test('an action soon takes effect in every process, also in one that did not mount ops', async () => {
  const env = { REDIS_URL: server.url, WITHOUT_OPS: 'yes' };
  const other = await forkTypeScript(join(__dirname, 'support/ops-process.ts'), { env });
  onTestFinished(() => other.kill());
  const everywhere = [await other.call<string>('listen'), urls[0]!, urls[5]!];
  const answers = async () =>
    (await Promise.all(everywhere.map((url) => request(url).get('/')))).map(({ status }) => status);
  expect(await answers()).toEqual([200, 200, 200]);
  const { post } = await operator(urls[0]!);
  const on = { limiter: '1m', client: '127.0.0.1' };
  await post('limits/block', { ...on, seconds: 60 }).expect(200);
  expect(await answers()).toEqual([429, 429, 429]);
  await post('limits/unblock', on).expect(200, { wasBlocked: true });
  await eventually('all admit again', async () => (await answers()).every((status) => status === 200), {
    withinMs: 2_500,
  });
});

test('a killed process disappears, a frozen one is silent, and one that goes on is seen again', async () => {
  await seesProcesses(PROCESSES, 0);
  const [, killed, frozen] = children as [TypeScriptChild, TypeScriptChild, TypeScriptChild];
  await killed.kill('SIGKILL');
  const afterKill = await seesProcesses(PROCESSES - 1, 0);
  expect(afterKill.some(isOf(killed))).toBe(false);

  process.kill(frozen.pid, 'SIGSTOP');
  const afterFreeze = await seesProcesses(PROCESSES - 2, 1);
  expect(afterFreeze.find(isOf(frozen))).toMatchObject({ isSilent: true });
  // Whoever only looks now has never heard of it.
  await eventually('the same for another viewer', async () => {
    const { processes } = await state(urls[3]);
    return processes.some((seen: Seen) => isOf(frozen)(seen) && seen.isSilent);
  });
  process.kill(frozen.pid, 'SIGCONT');
  await seesProcesses(PROCESSES - 1, 0);
});

test('while Redis is frozen, the page says so and shows what its own process knows', async () => {
  await seesProcesses(PROCESSES - 1, 0);
  await request(urls[0]!).get('/').expect(200);
  server.freeze();
  try {
    await eventually('Redis is reported', async () => !(await state()).redis.isAvailable);
    const { redis, processes, limits } = await state();
    expect(redis.cause).toMatch(/Redis/);
    expect(processes.find(isOf(children[0]!))).toMatchObject({ isOwn: true, isSilent: false });
    expect(limits[0].admitted).toBeGreaterThan(0);
  } finally {
    server.thaw();
  }
  await eventually('Redis is back', async () => (await state()).redis.isAvailable);
  await seesProcesses(PROCESSES - 1, 0);
});

test('all processes are seen again after a restart of Redis', async () => {
  await server.kill();
  await eventually('Redis is reported', async () => !(await state()).redis.isAvailable);
  await server.restart();
  await eventually('all are back', async () => (await state()).redis.isAvailable);
  await seesProcesses(PROCESSES - 1, 0);
});
