import { setTimeout as sleep } from 'node:timers/promises';
import { startMailWorker } from '../../examples/jobs/mail-worker.js';
import { sendWelcomeMail } from '../../examples/jobs/welcome-mail.js';
import { connectRedis } from '../../index.js';
import { openPool } from '../../server/postgres.js';
import { serve } from '../support/child.js';
import { random } from '../support/random.js';

/** A worker that fails now and then, and dawdles between its commit and its word to the queue, where it may be killed. */
serve({
  start({ redisUrl, databaseUrl, seed }: { redisUrl: string; databaseUrl: string; seed: number }) {
    const pool = openPool(databaseUrl, { logger: console });
    const { below } = random(seed);
    startMailWorker(connectRedis(redisUrl), {
      lockMs: 500,
      async handle(job) {
        if (below(10) === 0) throw new Error('the mail server is busy');
        await sendWelcomeMail(pool, job);
        await sleep(below(60));
        if (below(10) === 0) throw new Error('the mail server hung up after it had taken the mail');
      },
    });
  },
});
