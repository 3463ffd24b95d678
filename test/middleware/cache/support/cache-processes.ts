import { join } from 'node:path';
import { Redis } from 'ioredis';
import { forkTypeScript, type TypeScriptChild } from '../../../support/processes.js';

const open: { children: TypeScriptChild[]; database: Redis }[] = [];

/** Processes with one cache over one Redis, and the database that they show. */
export async function startCacheProcesses(redisUrl: string, count: number) {
  const database = new Redis(redisUrl, { db: 1 });
  const children = await Promise.all(
    Array.from({ length: count }, () =>
      forkTypeScript(join(__dirname, 'cache-process.ts'), { env: { REDIS_URL: redisUrl } }),
    ),
  );
  open.push({ children, database });
  const urls = await Promise.all(children.map((child) => child.call<string>('listen')));
  return { urls, children, database };
}

export async function closeCacheProcesses(): Promise<void> {
  for (const { children, database } of open.splice(0)) {
    await database.flushall();
    database.disconnect();
    await Promise.all(children.map((child) => child.kill()));
  }
}
