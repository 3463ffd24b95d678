import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { ops } from '../../../../middleware/ops/index.js';
import { rateLimit } from '../../../../middleware/rate-limit/index.js';
import { connectRedis } from '../../../../src/redis/connect.js';
import { serve } from '../../../support/child.js';

// A process of its own with a limiter, and with `ops` unless it is told otherwise.
const quiet = { info() {}, warn() {}, error() {} };
const redis = connectRedis({ url: process.env.REDIS_URL!, logger: quiet });
const app = express();
if (!process.env.WITHOUT_OPS) app.use('/ops', ops({ redis, authorize: () => 'ada', logger: quiet }));
app.get('/', rateLimit({ redis, limit: 1_000, logger: quiet }), (_req, res) => void res.send('ok'));

serve({
  async listen() {
    await redis.ping();
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
});
