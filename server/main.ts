import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { closeRedis, connectRedis } from '../index.js';
import { createApp } from './app.js';
import { closable } from './closable.js';
import { CommandLog } from './command-log.js';
import { readConfig } from './config.js';
import { createLogger } from './logging.js';
import { createMetrics } from './metrics.js';
import { migrate } from './migrate.js';
import { pageRouter } from './page.js';
import { openPool } from './postgres.js';
import { readableLog } from './readable-log.js';
import { seed } from './seed.js';
import { startServices } from './services/start-services.js';
import { cleanUp, endWithParent, shutdownOnSignal } from './shutdown.js';
import { StartupError } from './startup-error.js';
import { createUserEvents } from './user-events.js';
import { DEMO_EMAIL, welcome } from './welcome.js';

const print = (line: string) => void process.stdout.write(`${line}\n`);
const complain = (line: string) => void process.stderr.write(`${line}\n`);

async function main(): Promise<void> {
  const config = readConfig(process.env, process.stdout.isTTY);
  // `npm start` gives the pid: a server that outlived its npm would keep the port from the next one.
  if (process.env.NPM_PID && !config.production) endWithParent(Number(process.env.NPM_PID));
  const logger = createLogger(config.logLevel, config.logFormat === 'text' ? readableLog(print) : undefined);
  const services = await startServices({ redisUrl: config.redisUrl, databaseUrl: config.databaseUrl }, print);
  const cleanup: (() => Promise<unknown>)[] = [services.stop];

  try {
    const redis = connectRedis({ url: services.redisUrl, logger });
    cleanup.unshift(() => closeRedis(redis));
    const pool = openDatabase(services.databaseUrl, logger);
    cleanup.unshift(() => pool.end());
    await migrate(pool).catch(failToStart('DATABASE_URL: the database could not be prepared'));
    if (!config.production) await seed(pool);
    const events = createUserEvents(redis, logger);
    const commands = config.production ? undefined : new CommandLog(redis, services.redisUrl);
    cleanup.unshift(async () => commands?.close());
    const page = commands && pageRouter(commands);
    const metrics = createMetrics();
    cleanup.unshift(metrics.stop);
    const deps = { redis, pool, events, logger, config, page, metrics: metrics.router };
    const server = createServer(createApp(deps));
    const closeServer = closable(server, { acceptsWaiting: true });
    const endStreamsFirst = () => {
      events.close();
      return closeServer();
    };
    shutdownOnSignal({ closeServer: endStreamsFirst, cleanup, log: print });
    const port = await listen(server, config.port);
    print(config.production ? `Listening on port ${port}` : welcome(port, await demoUserId(pool)));
  } catch (error) {
    await cleanUp(cleanup, complain);
    throw error;
  }
}

function openDatabase(url: string, logger: Logger): Pool {
  try {
    return openPool(url, { logger });
  } catch (cause) {
    return failToStart('DATABASE_URL: the database cannot be opened')(cause as Error);
  }
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port);
  await once(server, 'listening').catch(
    failToStart(`PORT ${port} cannot be used; free it or set PORT to another`),
  );
  return (server.address() as AddressInfo).port;
}

async function demoUserId(pool: Pool): Promise<string> {
  const { rows } = await pool.query('SELECT id FROM users WHERE lower(email COLLATE "C") = $1', [DEMO_EMAIL]);
  return rows[0].id;
}

function failToStart(what: string): (cause: NodeJS.ErrnoException) => never {
  return (cause) => {
    throw new StartupError(`${what} (${cause.message || cause.code})`, { cause });
  };
}

main().catch((error: Error) => {
  complain(error instanceof StartupError ? error.message : String(error.stack));
  process.exit(1);
});
