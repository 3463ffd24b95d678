import { RedisStore as SessionStore } from 'connect-redis';
import type { RequestHandler } from 'express';
import { rateLimit } from 'express-rate-limit';
import { Redis } from 'ioredis';
import { RedisStore as LimiterStore } from 'rate-limit-redis';
import { createClient } from 'redis';
import { cacheAsideOn } from './cache-aside.js';
import { type Kit, SECRET, sendJson, WINDOW_MS } from './kit.js';

/**
 * What a team stacks today, at the latest versions, each as its README recommends for production:
 * - connect-redis 9, "API, Full setup": a node-redis client, `resave: false` ("required: force lightweight session
 *   keep alive"), `saveUninitialized: false` ("recommended: only save session when data exists").
 * - rate-limit-redis 6, "Examples": `sendCommand` of a node-redis client; here the same client, which spares a connection.
 * - express-rate-limit 8, "Usage": `standardHeaders: 'draft-8'`, `legacyHeaders: false`, `ipv6Subnet: 56`.
 * - ioredis 6, "Autopipelining": `enableAutoPipelining: true` for the hand-written cache-aside.
 * `cookie.secure` (express-session, "Cookie options") is off for everybody: there is no TLS proxy here.
 */
export async function peers(url: string): Promise<Kit> {
  const client = await createClient({ url }).connect();
  const cache = cacheAsideOn(new Redis(url, { enableAutoPipelining: true }));
  return {
    mount: (...middlewares) => middlewares,
    limiter: (limit, skip) =>
      rateLimit({
        windowMs: WINDOW_MS,
        limit,
        standardHeaders: 'draft-8',
        legacyHeaders: false,
        ipv6Subnet: 56,
        store: new LimiterStore({
          prefix: `rl:${limit}:`,
          sendCommand: (...args: string[]) => client.sendCommand(args),
        }),
        ...(skip && { skip: (req) => skip(req.path) }),
      }),
    sessions: () => expressSession(new SessionStore({ client })),
    cached: (origin, tag) => ({
      before: [],
      handler: async (req, res) => {
        const body = await cache.getOrLoad(req.originalUrl, () => origin(String(req.params.id)), tag);
        sendJson(res, body);
      },
    }),
    purge: (tag) => async (_req, _res, next) => {
      await cache.purge(tag);
      next();
    },
    answer: sendJson,
  };
}

// By require: its types would give req.session another type in all files.
function expressSession(store: SessionStore): RequestHandler {
  return require('express-session')({ store, secret: SECRET, resave: false, saveUninitialized: false });
}
