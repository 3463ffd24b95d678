import { join } from 'node:path';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/eventually.js';
import { createTestDatabase } from '../support/postgres.js';
import { forkTypeScript, type TypeScriptChild } from '../support/processes.js';
import { printedSeed, random } from '../support/random.js';
import { startRedis } from '../support/redis.js';
import { sized } from '../support/size.js';
import type { LockLoad, Outcome } from './lock-process.js';

const PROCESSES = 4;
const LOAD = sized({
  quick: { sections: 100, stops: 1, kills: 1 },
  full: { sections: 10_000, stops: 15, kills: 20 },
});
const LOCK = { resource: 'counter', ttlMs: 200 };

async function scene() {
  const [server, database] = await Promise.all([startRedis(), createTestDatabase()]);
  const redis = new Redis(server.url);
  const sql = new Client(database.url);
  await sql.connect();
  await sql.query('CREATE TABLE counter (value bigint NOT NULL, fencing bigint NOT NULL)');
  await sql.query('INSERT INTO counter VALUES (0, 0)');
  await sql.query('CREATE TABLE writes (fencing bigint NOT NULL, value bigint NOT NULL)');
  const children: TypeScriptChild[] = [];
  onTestFinished(async () => {
    await Promise.all(children.map((child) => child.kill()));
    redis.disconnect();
    await sql.end();
    await Promise.all([server.stop(), database.drop()]);
  });
  const start = async () => {
    const env = { REDIS_URL: server.url, DATABASE_URL: database.url };
    const child = await forkTypeScript(join(__dirname, 'lock-process.ts'), { env });
    children.push(child);
    return child;
  };
  return { redis, sql, start };
}

type Scene = Awaited<ReturnType<typeof scene>>;

/** Stops in the first half, so that others are still there to go past. */
function plan(fenced: boolean, dice: ReturnType<typeof random>): LockLoad[] {
  const sections = LOAD.sections / PROCESSES;
  const someSections = () => Array.from({ length: LOAD.stops }, () => dice.below(sections / 2));
  return Array.from({ length: PROCESSES }, () => ({
    ...LOCK,
    sections,
    stopIn: [...new Set(someSections())],
    killIn: [],
    fenced,
  }));
}

/** Wakes each process that stopped itself, once the lock has passed to another, who has written. */
async function wakeTheStopped({ redis, sql }: Scene, isOver: () => boolean): Promise<number> {
  const writes = async () => Number((await sql.query('SELECT count(*) FROM writes')).rows[0].count);
  let overtaken = 0;
  while (!isOver()) {
    const [, pid] = (await redis.blpop('stopped', 0.2)) ?? [];
    if (pid === undefined) continue;
    const [token, before] = [await redis.get(`lock:${LOCK.resource}`), await writes()];
    const isPast = async () =>
      (await redis.get(`lock:${LOCK.resource}`)) !== token && (await writes()) > before;
    await eventually('another goes past', isPast, { withinMs: 15_000 });
    process.kill(Number(pid), 'SIGCONT');
    overtaken++;
  }
  return overtaken;
}

async function runAll(place: Scene, fenced: boolean) {
  const dice = random(printedSeed('locks'));
  const loads = plan(fenced, dice);
  let isOver = false;
  const waking = wakeTheStopped(place, () => isOver);
  const runs = loads.map(async (load) => (await place.start()).call<Outcome>('run', load));
  const victims = async () => {
    for (let kill = 0; kill < LOAD.kills; kill++) {
      const victim = (await place.start()).call('run', { ...loads[0]!, stopIn: [], killIn: [0] });
      await expect(victim).rejects.toThrow('ended');
    }
  };
  const [outcomes] = await Promise.all([Promise.all(runs), victims()]).finally(() => (isOver = true));
  const sum = (what: keyof Outcome) => outcomes.reduce((total, outcome) => total + outcome[what], 0);
  const { rows } = await place.sql.query(
    'SELECT value, (SELECT count(*) FROM writes) AS writes FROM counter',
  );
  return {
    stops: loads.flatMap(({ stopIn }) => stopIn).length,
    overtaken: await waking,
    written: sum('written'),
    refused: sum('refused'),
    lost: sum('lost'),
    value: Number(rows[0].value),
    writes: Number(rows[0].writes),
  };
}

test('paused and killed lock holders lose no update when the database checks the fencing number', async () => {
  const seen = await runAll(await scene(), true);
  console.log(seen);
  expect(seen.overtaken).toBe(seen.stops);
  expect(seen.written + seen.refused).toBe(LOAD.sections);
  expect(seen.refused).toBeGreaterThanOrEqual(seen.overtaken);
  expect(seen.lost).toBeGreaterThanOrEqual(seen.overtaken);
  expect([seen.value, seen.writes]).toEqual([seen.written, seen.written]);
}, 900_000);

test('paused lock holders lose updates when the database does not check the fencing number', async () => {
  const seen = await runAll(await scene(), false);
  expect(seen.overtaken).toBe(seen.stops);
  expect(seen.writes).toBeGreaterThan(seen.value);
}, 900_000);
