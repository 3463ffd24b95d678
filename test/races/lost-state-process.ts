import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { Redis } from 'ioredis';
import { cacheResponse } from '../../middleware/cache/cache-response.js';
import { invalidateOn } from '../../middleware/cache/invalidate-on.js';
import { cacheAside } from '../../src/cache-aside/cache-aside.js';
import { connectRedis } from '../../src/redis/connect.js';
import { serve } from '../support/child.js';
import { gate } from '../support/gate.js';

// A server of one row, which lies in another Redis that stands for the database. A mutation commits when the test says
// so, and its handler ends right after.
const logger = { info() {}, warn() {}, error() {} };
const redis = connectRedis({ url: process.env.REDIS_URL!, logger });
const database = new Redis(process.env.DATABASE!);
const cache = cacheAside({ redis, logger });
const tags = () => ['row'];
const app = express();
let begun = gate();
let commit = gate();

async function change(): Promise<string> {
  begun.open();
  await commit.passed;
  [begun, commit] = [gate(), gate()];
  return String(await database.incr('row'));
}

app.get('/row', cacheResponse({ redis, ttlSeconds: 60, tags, logger }), async (_req, res) => {
  res.send((await database.get('row')) ?? '0');
});
app.patch('/row', invalidateOn({ redis, tags, logger }), async (_req, res) => void res.send(await change()));
app.put('/row', async (_req, res) => void res.send(await cache.mutate(['row'], change)));

serve({
  async listen() {
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
  hasBegun: () => begun.passed,
  commit: () => commit.open(),
});
