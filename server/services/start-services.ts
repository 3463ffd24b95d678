import { StartupError } from '../startup-error.js';
import type { Log } from './redis-binary.js';

type Service = { url: string; stop?: () => Promise<void> };

export interface Services {
  redisUrl: string;
  databaseUrl: string;
  /** Stops what was started here; servers that were given by URL are left alone. */
  stop(): Promise<void>;
}

/** Brings up a Redis and a PostgreSQL of our own, except where a URL is given. */
export async function startServices(
  given: { redisUrl?: string | undefined; databaseUrl?: string | undefined },
  log: Log = () => {},
): Promise<Services> {
  const [redis, postgres] = await Promise.allSettled([
    bringUpRedis(given.redisUrl, log),
    bringUpPostgres(given.databaseUrl, log),
  ]);
  const stop = async () => {
    await Promise.all(
      [redis, postgres].map((result) => result.status === 'fulfilled' && result.value.stop?.()),
    );
  };
  if (redis.status === 'fulfilled' && postgres.status === 'fulfilled') {
    return { redisUrl: redis.value.url, databaseUrl: postgres.value.url, stop };
  }
  await stop();
  throw readable(redis.status === 'rejected' ? redis.reason : (postgres as PromiseRejectedResult).reason);
}

/** The output of a service that did not start explains itself; its stack does not. */
function readable(error: Error): Error {
  return error.name === 'ServiceExit' ? new StartupError(error.message, { cause: error }) : error;
}

// Imported on demand: in production both URLs are given, and nothing embedded is loaded.
async function bringUpRedis(url: string | undefined, log: Log): Promise<Service> {
  if (url) return { url };
  const { startRedis } = await import('./redis.js');
  return startRedis({ log });
}

async function bringUpPostgres(url: string | undefined, log: Log): Promise<Service> {
  if (url) return { url };
  const { startPostgres } = await import('./postgres.js');
  return startPostgres({ log });
}
