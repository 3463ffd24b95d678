import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { connectRedis } from '../../index.js';
import { startRedis } from '../../server/services/redis.js';
import { createProxy } from './app.js';

// npx tsx examples/reverse-proxy/main.ts --origin http://localhost:8000 --port 8080 [--redis redis://...]
const { values } = parseArgs({
  options: {
    origin: { type: 'string' },
    port: { type: 'string', default: '8080' },
    redis: { type: 'string' },
  },
});
if (!values.origin) throw new Error('Say where the origin is: --origin http://localhost:8000');
const url = values.redis ?? process.env.REDIS_URL;

async function main(origin: URL): Promise<void> {
  const redis = connectRedis(url ?? (await startRedis({ log: console.log })).url);
  const server = createProxy(origin, { redis, timeoutMs: 1000 }).listen(Number(values.port), () => {
    const { port } = server.address() as AddressInfo;
    console.log(`http://localhost:${port} caches ${origin.href}`);
  });
}

void main(new URL(values.origin));
