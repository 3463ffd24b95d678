import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { migrate } from '../../server/migrate.js';

/** Creates what is missing: the sample's users, and what the mails need. */
export async function prepareDatabase(pool: Pool): Promise<void> {
  await migrate(pool);
  await pool.query(await readFile(join(__dirname, 'schema.sql'), 'utf8'));
}
