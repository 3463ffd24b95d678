import { Pool } from 'pg';

export interface PoolOptions {
  logger: { warn(fields: object, message: string): void };
}

/** Opens the connection pool; nothing is connected until the first query. */
export function openPool(url: string, { logger }: PoolOptions): Pool {
  const pool = new Pool({
    connectionString: url,
    application_name: 'express-redis-toolkit-sample',
    connectionTimeoutMillis: 2_000,
    statement_timeout: 5_000,
    // The server enforces statement_timeout; a frozen server enforces nothing, so the client gives up a little later.
    query_timeout: 6_000,
    keepAlive: true,
  });
  // Without a listener an idle connection that PostgreSQL closes (restart, failover) ends the process.
  pool.on('error', ({ message }) => {
    logger.warn({ reason: message }, 'an idle PostgreSQL connection was lost');
  });
  return pool;
}

export async function pingPostgres(pool: Pool): Promise<void> {
  await pool.query('SELECT 1');
}
