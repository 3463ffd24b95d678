import type { Pool } from 'pg';
import { enqueueWelcomeMail, type MailQueue } from './mail-queue.js';

const MOST_AT_ONCE = 1_000;

/** Enqueues mails that have been due for a while, should their job be lost; those that have one keep it. */
export async function enqueueDue(pool: Pool, queue: MailQueue, { afterMs = 60_000 } = {}): Promise<void> {
  const { rows } = await pool.query<{ user_id: string }>(
    `SELECT user_id FROM welcome_mails_due WHERE since <= now() - $1 * interval '1 ms' ORDER BY random() LIMIT $2`,
    [afterMs, MOST_AT_ONCE],
  );
  for (const { user_id } of rows) await enqueueWelcomeMail(queue, user_id);
}
