import type { Pool, PoolClient } from 'pg';
import type { MailJob } from './mail-queue.js';

/**
 * Sends the mail of a job once, however often the job is run. The idempotency key and the mail are committed together;
 * a job that is run twice at the same time waits at the key for the other to commit or to fail.
 */
export async function sendWelcomeMail(pool: Pool, { userId }: MailJob): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await sendOnce(client, userId);
    await client.query('COMMIT');
    client.release();
  } catch (error) {
    // Ends the connection, and with it the transaction.
    client.release(true);
    throw error;
  }
}

async function sendOnce(client: PoolClient, userId: string): Promise<void> {
  const { rowCount: isFirst } = await client.query(
    'INSERT INTO idempotency_keys (key) VALUES ($1) ON CONFLICT DO NOTHING',
    [`welcome-mail:${userId}`],
  );
  // Sending is a row here. A provider's HTTP call is no part of the transaction: pass it the key, so that it drops repeats.
  if (isFirst) {
    await client.query(
      `INSERT INTO mails (recipient, subject) SELECT email, 'Welcome, ' || name FROM users WHERE id = $1`,
      [userId],
    );
  }
  await client.query('DELETE FROM welcome_mails_due WHERE user_id = $1', [userId]);
}
