import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { RedisStore } from 'connect-redis';
import express, { type RequestHandler } from 'express';
import { createClient } from 'redis';
import { session } from '../../../../middleware/session/session.js';
import { connectRedis } from '../../../../src/redis/connect.js';
import { serve } from '../../../support/child.js';
import { gate } from '../../../support/gate.js';
import { patient } from '../../../support/patient.js';

const { REDIS_URL: url, SECRET, RESIGN_AFTER_MS } = process.env as Record<string, string>;
const secret = SECRET!.split(',');

// A cookie with a maxAge is sent with every save.
const cookie = { maxAge: 600_000 };

/** A separate process with sessions: ours, or those of express-session and connect-redis. */
async function sessions(): Promise<RequestHandler> {
  if (process.env.KIND === 'ours') {
    const wait = RESIGN_AFTER_MS ? { resignAfterMs: Number(RESIGN_AFTER_MS) } : {};
    return session({ redis: patient(connectRedis(url)), secret, cookie, ...wait });
  }
  const client = await createClient({ url }).connect();
  const store = new RedisStore({ client, prefix: 'theirs:' });
  return require('express-session')({ store, secret, cookie, resave: false, saveUninitialized: false });
}

let [arrived, released] = [gate(), gate()];

serve({
  async listen() {
    const app = express();
    app.use(await sessions());
    app.get('/set', (req, res) => {
      Object.assign(req.session, req.query);
      res.end();
    });
    // Keeps the session that it has loaded until the parent process releases it.
    app.get('/hold', async (req, res) => {
      Object.keys(req.session);
      arrived.open();
      await released.passed;
      Object.assign(req.session, req.query);
      res.end();
    });
    app.get('/logout', (req, res, next) => {
      void req.session.destroy((error) => (error ? next(error) : res.end()));
    });
    app.get('/show', (req, res) => void res.json(req.session));
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
  prepare() {
    [arrived, released] = [gate(), gate()];
  },
  arrived: () => arrived.passed,
  release: () => released.open(),
});
