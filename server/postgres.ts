import { Pool } from 'pg';
import { DatabaseUnavailable, isAway } from './database-unavailable.js';

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
  pool.query = watched(pool.query.bind(pool), logger);
  return pool;
}

/** Errors of a PostgreSQL that is away become DatabaseUnavailable, and are logged once when it goes and when it is back. */
function watched(query: Pool['query'], logger: PoolOptions['logger']): Pool['query'] {
  let away = false;
  const watchedQuery = async (...given: Parameters<Pool['query']>) => {
    try {
      const result = await query(...given);
      if (away) logger.warn({}, 'PostgreSQL answers again');
      away = false;
      return result;
    } catch (error) {
      if (!isAway(error)) throw error;
      if (!away) logger.warn({ reason: (error as Error).message }, 'PostgreSQL does not answer');
      away = true;
      throw new DatabaseUnavailable(error);
    }
  };
  return watchedQuery as Pool['query'];
}

export async function pingPostgres(pool: Pool): Promise<void> {
  await pool.query('SELECT 1');
}
