import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster, Redis } from 'ioredis';
import { closeRedis, type RedisClient } from '../../src/redis/connect.js';
import { linkTo } from '../../src/redis/link.js';
import { subscriberConnectionOf } from '../../src/subscriptions/subscriber-connection.js';

// A process that uses a client, closes it in one of the ways that there are, and has nothing else to do.
const [, , way, port, settings] = process.argv as [string, string, string, string, string];

const CLOSINGS: Record<string, (client: RedisClient) => unknown> = {
  quit: (client) => client.quit(),
  disconnect: (client) => client.disconnect(),
  closeRedis: (client) => closeRedis(client),
  'closeRedis at once': (client) => closeRedis(client, { timeoutMs: 100 }),
};

async function main() {
  const { cluster, retryMs, listen, timeoutMs = 300, ...options } = JSON.parse(settings);
  const address = { host: '127.0.0.1', port: Number(port) };
  const retryStrategy = retryMs === undefined ? undefined : () => retryMs;
  const client = cluster
    ? new Cluster([address], options)
    : new Redis({ ...address, ...options, ...(retryStrategy ? { retryStrategy } : {}) });
  const asked = await linkTo(client)
    .send('set', ['key', '1'], { timeoutMs })
    .then(
      () => 'answered',
      (error) => error.code,
    );
  if (listen)
    await subscriberConnectionOf(client)
      .listen('channel', () => {})
      .catch(() => {});
  const start = performance.now();
  await CLOSINGS[way]!(client);
  console.log(`${asked}, closed in ${Math.round(performance.now() - start)} ms`);
  await sleep(1_500);
  console.log(`status ${client.status}`);
}

process.disconnect();
void main();
