import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import request from 'supertest';
import { closeRedis, connectRedis } from '../../index.js';
import { createApp } from '../../server/app.js';
import { createLogger } from '../../server/logging.js';
import { migrate } from '../../server/migrate.js';
import { openPool } from '../../server/postgres.js';
import { DEMO_PASSWORD, seed } from '../../server/seed.js';
import { createUserEvents } from '../../server/user-events.js';
import { CHEAP } from '../support/cheap-passwords.js';
import { createTestDatabase } from '../support/postgres.js';
import { startProxy } from '../support/proxy.js';
import { startRedis } from '../support/redis.js';

let clients = 0;

/** The sample app with a Redis and a seeded database of its own; `onLog` gets each line of its log. */
export async function startApp({
  production = false,
  opsAdmins = [] as readonly string[],
  onLog = (_line: string): void => {},
} = {}) {
  const [redisServer, database] = await Promise.all([startRedis(), createTestDatabase()]);
  const databaseUrl = new URL(database.url);
  const postgresProxy = await startProxy(Number(databaseUrl.port));
  databaseUrl.host = `127.0.0.1:${postgresProxy.port}`;
  const logger = createLogger('info', { write: onLog });
  const pool = openPool(databaseUrl.href, { logger });
  await migrate(pool);
  await seed(pool, CHEAP);
  const config = {
    sessionSecret: 'a secret of at least thirty-two characters',
    trustProxy: 1,
    secureCookie: production || ('auto' as const),
    opsAdmins,
  };

  async function listen() {
    const redis = connectRedis({ url: redisServer.url, logger });
    const events = createUserEvents(redis, logger);
    const server = createApp({ redis, pool, events, logger, config, passwordCost: CHEAP }).listen(0);
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const close = async () => {
      events.close();
      server.close();
      await closeRedis(redis);
    };
    return { url, close };
  }

  let lost: Promise<void> | undefined;
  const losePostgres = () => {
    lost ??= postgresProxy.close();
    return lost;
  };

  const app = await listen();
  const second = await listen();

  return {
    pool,
    redisServer,
    /** Between the app and PostgreSQL. */
    postgresProxy,
    losePostgres,
    url: app.url,
    urlOfSecond: second.url,
    /** A client with an address and cookies of its own. */
    client: () => clientOf(app.url),
    /** The same, of a second instance of the app, as behind a load balancer. */
    clientOfSecond: () => clientOf(second.url),
    async loggedIn(email = 'alice@example.com', password = DEMO_PASSWORD) {
      const client = this.client();
      const { body } = await client.post('/auth/login').send({ email, password }).expect(200);
      return { client, user: body as { id: string; email: string; name: string } };
    },
    async stop() {
      await Promise.all([app.close(), second.close()]);
      await pool.end();
      await losePostgres();
      await Promise.all([redisServer.stop(), database.drop()]);
    },
  };
}

function clientOf(url: string) {
  clients += 1;
  const address = `10.0.${Math.floor(clients / 250)}.${(clients % 250) + 1}`;
  return request.agent(url).set({ Host: 'sample.test', 'X-Forwarded-For': address });
}
