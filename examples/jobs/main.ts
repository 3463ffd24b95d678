import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { closeRedis, connectRedis } from '../../index.js';
import { closable } from '../../server/closable.js';
import { createLogger } from '../../server/logging.js';
import { openPool } from '../../server/postgres.js';
import { startServices } from '../../server/services/start-services.js';
import { shutdownOnSignal } from '../../server/shutdown.js';
import { createUserEvents } from '../../server/user-events.js';
import { createJobsApp } from './app.js';
import { prepareDatabase } from './database.js';
import { openMailQueue } from './mail-queue.js';

let ending = false;
let worker: ChildProcess;

// What a supervisor does in production: a worker that dies is followed by another.
function keepWorker(env: NodeJS.ProcessEnv): void {
  worker = fork(join(__dirname, 'worker.ts'), { env: { ...process.env, ...env } });
  worker.once('exit', () => ending || setTimeout(() => keepWorker(env), 200));
}

async function endWorker(): Promise<void> {
  ending = true;
  if (worker.exitCode !== null || worker.signalCode !== null) return;
  worker.kill('SIGTERM');
  await once(worker, 'exit');
}

// npx tsx examples/jobs/main.ts, with PORT, REDIS_URL, DATABASE_URL and SESSION_SECRET as the sample server has them.
async function main({ PORT, REDIS_URL, DATABASE_URL, SESSION_SECRET }: NodeJS.ProcessEnv): Promise<void> {
  const services = await startServices({ redisUrl: REDIS_URL, databaseUrl: DATABASE_URL }, console.log);
  const redis = connectRedis(services.redisUrl);
  const pool = openPool(services.databaseUrl, { logger: console });
  await prepareDatabase(pool);
  const queue = openMailQueue(redis);
  const secret = SESSION_SECRET ?? randomBytes(32).toString('base64url');
  const events = createUserEvents(redis, createLogger('warn'));
  const server = createServer(createJobsApp({ redis, pool, queue, events, secret }));
  const close = closable(server);
  shutdownOnSignal({
    closeServer: async () => {
      events.close();
      await close();
    },
    cleanup: [endWorker, () => queue.close(), () => closeRedis(redis), () => pool.end(), services.stop],
    log: console.log,
  });
  keepWorker({ REDIS_URL: services.redisUrl, DATABASE_URL: services.databaseUrl });
  server.listen(Number(PORT ?? 3000));
  await once(server, 'listening');
  console.log(`Listening on http://localhost:${(server.address() as { port: number }).port}: POST /users`);
}

void main(process.env);
