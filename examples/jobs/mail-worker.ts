import { Worker } from 'bullmq';
import { bullOptions, type RedisClient } from '../../index.js';
import { MAIL_QUEUE, type MailJob } from './mail-queue.js';

export interface MailWorkerOptions {
  /** May be called again for a job that it has finished: a worker can die before it has said so. */
  handle: (job: MailJob) => Promise<void>;
  /** For so long nobody else takes a job; longer than the process ever stands still. */
  lockMs?: number;
}

/** Takes five jobs at a time; those of a worker that died go to another. */
export function startMailWorker(redis: RedisClient, { handle, lockMs = 30_000 }: MailWorkerOptions): Worker {
  const worker = new Worker<MailJob>(MAIL_QUEUE, (job) => handle(job.data), {
    ...bullOptions(redis, 'worker'),
    concurrency: 5,
    lockDuration: lockMs,
    stalledInterval: lockMs,
    // By default a job whose worker died twice has failed for good.
    maxStalledCount: 20,
  });
  worker.on('error', (error) => console.warn(`mail worker: ${error.message}`));
  worker.on('failed', (job, error) => console.warn(`mail job ${job?.id}: ${error.message}`));
  return worker;
}
