import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import request from 'supertest';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { prepareDatabase } from '../../examples/jobs/database.js';
import { enqueueDue } from '../../examples/jobs/enqueue-due.js';
import { enqueueWelcomeMail, type MailQueue, openMailQueue } from '../../examples/jobs/mail-queue.js';
import { startMailWorker } from '../../examples/jobs/mail-worker.js';
import { sendWelcomeMail } from '../../examples/jobs/welcome-mail.js';
import { withWelcomeMail } from '../../examples/jobs/with-welcome-mail.js';
import { closeRedis, connectRedis, type RedisClient } from '../../index.js';
import { openPool } from '../../server/postgres.js';
import { createUserRepository } from '../../server/user-repository.js';
import { quiet } from '../middleware/support/redis-for-file.js';
import { eventually } from '../support/eventually.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { forkTypeScript, launch } from '../support/processes.js';
import { printedSeed, random } from '../support/random.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { sized } from '../support/size.js';

let server: TestRedis;
let database: TestDatabase;
let redis: RedisClient;
let pool: Pool;
let queue: MailQueue;

beforeAll(async () => {
  [server, database] = await Promise.all([startRedis(), createTestDatabase()]);
  redis = connectRedis({ url: server.url, logger: quiet });
  pool = openPool(database.url, { logger: quiet });
  await prepareDatabase(pool);
  queue = openMailQueue(redis, { retryMs: 20 });
});
afterAll(async () => {
  await queue.close();
  await closeRedis(redis);
  await pool.end();
  await Promise.all([server.stop(), database.drop()]);
});
beforeEach(async () => {
  await eventually('the queue is connected', () =>
    queue.count().then(
      () => true,
      () => false,
    ),
  );
  await queue.obliterate({ force: true });
  await pool.query('TRUNCATE users, mails, idempotency_keys CASCADE');
});

/** As sign-ups would, without their slow passwords. */
async function newUsers(count: number): Promise<string[]> {
  const { rows } = await pool.query(
    `INSERT INTO users (email, name) SELECT n || '@example.com', 'User ' || n FROM generate_series(1, $1::int) n RETURNING id`,
    [count],
  );
  return rows.map(({ id }) => id);
}

const mails = async (): Promise<string[]> =>
  (await pool.query('SELECT recipient FROM mails ORDER BY recipient')).rows.map(({ recipient }) => recipient);
const users = async (): Promise<string[]> =>
  (await pool.query('SELECT email FROM users ORDER BY email')).rows.map(({ email }) => email);
const unfinished = () => queue.getJobCountByTypes('waiting', 'active', 'delayed', 'failed');

function startWorker(): void {
  const worker = startMailWorker(redis, { handle: (job) => sendWelcomeMail(pool, job) });
  onTestFinished(() => worker.close());
}

const JOBS = sized({ quick: 30, full: 1_000 });
const KILLS = sized({ quick: 2, full: 40 });

test(
  `workers that are killed at random lose no mail and send none twice: ${JOBS} jobs, ${KILLS} kills`,
  async () => {
    const seed = printedSeed('killed workers');
    const { below } = random(seed);
    let started = 0;
    const spawn = async () => {
      const child = await forkTypeScript(join(__dirname, 'mail-worker-process.ts'));
      const argument = { redisUrl: server.url, databaseUrl: database.url, seed: seed + started++ };
      await child.call('start', argument);
      return child;
    };
    const workers = [spawn(), spawn()];
    onTestFinished(
      async () => void (await Promise.all(workers.map(async (worker) => (await worker).kill()))),
    );

    const ids = await newUsers(JOBS);
    // In batches, so that there is something to do whenever somebody is killed.
    const batch = Math.ceil(JOBS / KILLS);
    for (let kill = 0; kill < KILLS; kill++) {
      for (const id of ids.slice(kill * batch, (kill + 1) * batch)) await enqueueWelcomeMail(queue, id);
      await eventually('somebody is at work', async () => (await queue.getActiveCount()) > 0);
      await sleep(below(60));
      const victim = below(workers.length);
      await (await workers[victim]!).kill();
      workers[victim] = spawn();
    }
    await eventually('every job is done', async () => (await unfinished()) === 0, { withinMs: 60_000 });
    expect(await mails()).toEqual(await users());
    expect((await pool.query('SELECT FROM welcome_mails_due')).rowCount).toBe(0);
  },
  sized({ quick: 90_000, full: 400_000 }),
);

test('a job that is run twice at once sends one mail', async () => {
  const [userId] = await newUsers(1);
  await Promise.all(Array.from({ length: 5 }, () => sendWelcomeMail(pool, { userId: userId! })));
  expect(await mails()).toHaveLength(1);
});

test('one that fails after its mail was noted leaves neither mail nor key, and is tried again until it succeeds', async () => {
  const [userId] = await newUsers(1);
  await pool.query(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not yet'; END $$;
    CREATE TRIGGER refuse BEFORE DELETE ON welcome_mails_due FOR EACH ROW EXECUTE FUNCTION refuse()`);
  vi.spyOn(console, 'warn').mockImplementation(() => {});
  onTestFinished(() => void vi.restoreAllMocks());
  startWorker();
  await enqueueWelcomeMail(queue, userId!);
  const attempts = async () => (await queue.getJob(userId!))?.attemptsMade ?? 0;
  await eventually('it was tried three times', async () => (await attempts()) >= 3, { withinMs: 15_000 });
  expect(await mails()).toEqual([]);
  expect((await pool.query('SELECT FROM idempotency_keys')).rowCount).toBe(0);
  await pool.query('DROP FUNCTION refuse CASCADE');
  await eventually('it is done', async () => (await mails()).length === 1, { withinMs: 15_000 });
});

test('a user who signed up while Redis was frozen exists, and has the mail later', async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {});
  onTestFinished(() => void vi.restoreAllMocks());
  server.freeze();
  onTestFinished(() => server.thaw());
  const repository = withWelcomeMail(createUserRepository(pool), queue);
  const email = `${randomUUID()}@example.com`;
  await repository.create({ email, name: 'New', password: 'a good password' });
  server.thaw();
  // Redis may still run what its sender has given up on: the job is lost as well.
  await eventually('Redis answers', () =>
    queue.count().then(
      () => true,
      () => false,
    ),
  );
  await queue.obliterate({ force: true });
  startWorker();
  await eventually('it is enqueued', () =>
    enqueueDue(pool, queue, { afterMs: 0 }).then(
      () => true,
      () => false,
    ),
  );
  await eventually('the mail is sent', async () => (await mails()).includes(email));
  await enqueueDue(pool, queue, { afterMs: 0 });
  expect(await queue.getJobCountByTypes('waiting', 'active', 'delayed')).toBe(0);
});

test('it runs as the README says: a sign-up, a mail, a worker that is replaced, and SIGTERM', async () => {
  const env = { REDIS_URL: server.url, DATABASE_URL: database.url, PORT: '0' };
  const child = launch('examples/jobs/main.ts', { env });
  onTestFinished(() => child.kill());
  const workers = () =>
    [...child.output().matchAll(/worker is running \(pid (\d+)\)/g)].map(([, pid]) => Number(pid));
  const patience = { withinMs: 30_000 };
  await eventually('both run', () => /Listening on/.test(child.output()) && workers().length === 1, patience);
  process.kill(workers()[0]!, 'SIGKILL');
  await eventually('another worker runs', () => workers().length === 2, patience);

  const [, url] = /Listening on (\S+):/.exec(child.output())!;
  const email = `${randomUUID()}@example.com`;
  await request(url!).post('/users').send({ email, name: 'New', password: 'a good password' }).expect(201);
  await eventually('the mail is sent', async () => (await mails()).includes(email), patience);
  await child.kill('SIGTERM');
  expect(await child.exited).toEqual({ code: 0, signal: null });
  expect(() => process.kill(workers()[1]!, 0)).toThrow('ESRCH');
}, 90_000);
