import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startKeeper } from '../../src/testing/keeper.js';
import { eventually } from './eventually.js';
import { startRedis, type TestRedis } from './redis.js';

const NAME = 'primary';

export interface TestSentinel {
  /** What `new Redis({ sentinels, name })` takes. */
  sentinels: { host: string; port: number }[];
  name: string;
  primary: TestRedis;
  replica: TestRedis;
  /** Makes the replica the primary, and resolves when every Sentinel says so. */
  failover(): Promise<void>;
  stop(): Promise<void>;
}

/** A primary, a replica, and Sentinels that notice within half a second when the primary is gone. */
export async function startSentinel({ sentinels: count = 1 } = {}): Promise<TestSentinel> {
  const primary = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] });
  const replica = await startRedis({
    args: ['--replicaof', '127.0.0.1', `${primary.port}`, '--repl-diskless-sync-delay', '0'],
  });
  const started = await Promise.all(Array.from({ length: count }, () => startOne(primary.port, count)));
  const clients = started.map(({ redis }) => new Redis(redis.url, { enableReadyCheck: false }));
  await eventually(
    'the Sentinels know the replica and each other',
    async () => {
      const known = await Promise.all(clients.map((client) => stateOf(client)));
      return known.every(
        (state) => state['num-slaves'] === '1' && state['num-other-sentinels'] === `${count - 1}`,
      );
    },
    { withinMs: 15_000 },
  );

  return {
    sentinels: started.map(({ redis }) => ({ host: '127.0.0.1', port: redis.port })),
    name: NAME,
    primary,
    replica,
    async failover() {
      const before = (await stateOf(clients[0]!)).port;
      // Refused until the Sentinel has heard from the replica itself, which it asks once a second.
      await eventually('the Sentinel accepts the failover', () =>
        clients[0]!.call('SENTINEL', 'FAILOVER', NAME).then(
          () => true,
          (error: Error) => {
            if (error.message.includes('NOGOODSLAVE')) return false;
            throw error;
          },
        ),
      );
      await eventually(
        'the Sentinels agree on another primary',
        async () => {
          const states = await Promise.all(clients.map((client) => stateOf(client)));
          return states.every((state) => state.port !== before && state.flags === 'master');
        },
        { withinMs: 15_000 },
      );
    },
    async stop() {
      for (const client of clients) client.disconnect();
      await Promise.all([primary, replica, ...started].map((part) => part.stop()));
    },
  };
}

async function startOne(primaryPort: number, count: number) {
  // Sentinel rewrites its own configuration, so each needs a file of its own.
  const home = startKeeper();
  const configFile = join(home.directory, 'sentinel.conf');
  const quorum = Math.floor(count / 2) + 1;
  const settings = [
    `sentinel monitor ${NAME} 127.0.0.1 ${primaryPort} ${quorum}`,
    `sentinel down-after-milliseconds ${NAME} 500`,
    `sentinel failover-timeout ${NAME} 2000`,
  ];
  await writeFile(configFile, `${settings.join('\n')}\n`);
  const redis = await startRedis({ configFile, args: ['--sentinel'] });
  return {
    redis,
    async stop() {
      await redis.stop();
      await home.close();
    },
  };
}

async function stateOf(client: Redis): Promise<Record<string, string>> {
  const flat = (await client.call('SENTINEL', 'MASTER', NAME)) as string[];
  const pairs = flat.flatMap((field, index) => (index % 2 === 0 ? [[field, flat[index + 1]!] as const] : []));
  return Object.fromEntries(pairs);
}
