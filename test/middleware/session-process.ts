import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { session } from '../../middleware/session.js';
import { connectRedis } from '../../src/redis.js';
import { serve } from '../support/child.js';

// A process of its own with the same sessions.
const app = express();
app.use(session({ redis: connectRedis(process.env.REDIS_URL!), secret: process.env.SECRET! }));
app.get('/set', (req, res) => {
  Object.assign(req.session, req.query);
  res.end();
});
app.get('/show', (req, res) => {
  res.json(req.session);
});

serve({
  async listen() {
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
});
