import type { TestProject } from 'vitest/node';
import { redisBinary } from '../../server/services/redis-binary.js';
import { startServices } from '../../server/services/start-services.js';

declare module 'vitest' {
  export interface ProvidedContext {
    redisUrl: string;
    databaseUrl: string;
  }
}

/** One Redis and one PostgreSQL for the whole run; REDIS_URL and DATABASE_URL are used when set. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Many tests start servers of their own, also where REDIS_URL is set.
  await redisBinary(console.log);
  const { REDIS_URL, DATABASE_URL } = process.env;
  const services = await startServices({ redisUrl: REDIS_URL, databaseUrl: DATABASE_URL }, console.log);
  project.provide('redisUrl', services.redisUrl);
  project.provide('databaseUrl', services.databaseUrl);
  return services.stop;
}
