import { closeRedis, connectRedis } from '../../index.js';
import { openPool } from '../../server/postgres.js';
import { prepareDatabase } from './database.js';
import { enqueueDue } from './enqueue-due.js';
import { openMailQueue } from './mail-queue.js';
import { startMailWorker } from './mail-worker.js';
import { sendWelcomeMail } from './welcome-mail.js';

const LOOK_EVERY_MS = 60_000;

// REDIS_URL=… DATABASE_URL=… npx tsx examples/jobs/worker.ts: as many of them as you like.
async function main(): Promise<void> {
  const redis = connectRedis();
  const pool = openPool(process.env.DATABASE_URL!, { logger: console });
  await prepareDatabase(pool);
  const queue = openMailQueue(redis);
  const worker = startMailWorker(redis, { handle: (job) => sendWelcomeMail(pool, job) });
  const look = setInterval(() => {
    enqueueDue(pool, queue).catch((error: Error) => console.warn(`mails that are due: ${error.message}`));
  }, LOOK_EVERY_MS);
  console.log(`The mail worker is running (pid ${process.pid}).`);

  // Started by main.ts, it does not outlive it.
  process.once('disconnect', () => process.exit());
  process.once('SIGTERM', async () => {
    clearInterval(look);
    // Jobs in hand are finished first.
    await worker.close();
    await Promise.all([queue.close(), pool.end(), closeRedis(redis)]);
    process.exit();
  });
}

void main();
