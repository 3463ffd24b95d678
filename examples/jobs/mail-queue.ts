import { Queue } from 'bullmq';
import { bullOptions, type RedisClient } from '../../index.js';

export const MAIL_QUEUE = 'email-notifications';
const HOUR_SECONDS = 3_600;

export interface MailJob {
  userId: string;
}

export type MailQueue = Queue<MailJob>;

/** Jobs under `queue:email-notifications`. One that fails is tried again after 1, 2, 4 … seconds, ten times in all. */
export function openMailQueue(redis: RedisClient, { retryMs = 1_000 } = {}): MailQueue {
  const queue: MailQueue = new Queue(MAIL_QUEUE, {
    ...bullOptions(redis, 'queue'),
    defaultJobOptions: {
      attempts: 10,
      backoff: { type: 'exponential', delay: retryMs, jitter: 0.5 },
      removeOnComplete: { age: HOUR_SECONDS },
      // Then it is still due, and begins anew.
      removeOnFail: { age: 24 * HOUR_SECONDS },
    },
  });
  // Each `add` says itself what failed; an error event that nobody hears would end the process.
  queue.on('error', () => {});
  return queue;
}

/** However often: one job per user. Rejects within about a second when Redis does not answer. */
export async function enqueueWelcomeMail(queue: MailQueue, userId: string): Promise<void> {
  await queue.add('welcome', { userId }, { jobId: userId });
}
