import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { Redis } from 'ioredis';
import { cacheResponse } from '../../../../middleware/cache/cache-response.js';
import { invalidateOn } from '../../../../middleware/cache/invalidate-on.js';
import { connectRedis } from '../../../../src/redis/connect.js';
import { serve } from '../../../support/child.js';
import { eventually } from '../../../support/eventually.js';
import { patient } from '../../../support/patient.js';

// A process of its own with the same cache. The `database` is another Redis database, which is never purged.
const url = process.env.REDIS_URL!;
const redis = patient(connectRedis(url));
const database = new Redis(url, { db: 1 });
const tags = () => ['thing'];
const app = express();

// Where a handler stands still until the test says `go`.
async function wait(at: unknown): Promise<void> {
  if (at === undefined) return;
  await database.set(`reached:${at}`, 1);
  await eventually(`go ${at}`, async () => (await database.exists(`go:${at}`)) === 1, { everyMs: 5 });
}

app.get('/thing', cacheResponse({ redis, ttlSeconds: 60, timeoutMs: 1000, tags }), async (req, res) => {
  await database.incr('calls');
  const value = await database.get('value');
  await wait(req.headers['x-wait']);
  res.send(value);
});
app.patch('/thing', invalidateOn({ redis, tags }), async (req, res) => {
  await database.incr('value');
  await wait(req.headers['x-wait']);
  res.send('done');
});

serve({
  async listen() {
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
});
