import { type IncomingHttpHeaders, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import express, { type Express, type RequestHandler } from 'express';
import type { Redis } from 'ioredis';
import { cacheResponse } from '../../../../middleware/cache/cache-response.js';
import { type InvalidateOnOptions, invalidateOn } from '../../../../middleware/cache/invalidate-on.js';
import type { CacheResponseOptions } from '../../../../middleware/cache/options.js';
import { eventually } from '../../../support/eventually.js';
import { forwards } from '../../../support/forwards.js';
import { tellError } from '../../session/support/session-client.js';
import { quiet, serve } from '../../support/redis-for-file.js';

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  hit: boolean;
  stored: boolean;
}

export interface AskOptions {
  method?: string;
  headers?: Record<string, string>;
  content?: string;
}

export function ask(
  url: string,
  path: string,
  { method = 'GET', headers = {}, content }: AskOptions = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { path, method, headers, agent: false }, async (res) => {
      try {
        const status = String(res.headers['cache-status']);
        const body = await buffer(res);
        const [hit, stored] = [/;\s*hit/.test(status), /;\s*stored/.test(status)];
        resolve({ status: res.statusCode!, headers: res.headers, body, hit, stored });
      } catch (error) {
        reject(error);
      }
    });
    sent.on('error', reject).end(content);
  });
}

interface CacheApp {
  redis: Redis;
  /** Answers GET. */
  handler: RequestHandler;
  /** Answers PATCH, behind `invalidateOn`. */
  mutate?: RequestHandler;
  cache?: Partial<CacheResponseOptions>;
  invalidate?: Partial<InvalidateOnOptions>;
  before?: (app: Express) => void;
  after?: RequestHandler[];
}

/** An app whose GETs are cached under the tag `thing`, and whose PATCH invalidates it. */
export async function serveCached({
  redis,
  handler,
  mutate,
  cache,
  invalidate,
  before,
  after = [],
}: CacheApp) {
  const app = express();
  before?.(app);
  const common = { redis, logger: quiet, tags: () => ['thing'] };
  app.get(
    /.*/,
    cacheResponse({ ...common, ttlSeconds: 60, timeoutMs: 1000, ...cache }),
    ...after,
    forwards(handler),
  );
  if (mutate) app.patch(/.*/, invalidateOn({ ...common, ...invalidate }), forwards(mutate));
  app.use(tellError);
  const url = await serve(app);
  return {
    url,
    get: (path = '/', options?: AskOptions) => ask(url, path, options),
    patch: (path = '/thing') => ask(url, path, { method: 'PATCH' }),
  };
}

/** A database of one row, and the app that shows and changes it. */
export function serveRow(given: Omit<CacheApp, 'handler'> & { handler?: RequestHandler }) {
  const row = { value: 0 };
  const read: RequestHandler = (_req, res) => void res.send(String(row.value));
  const change: RequestHandler = (_req, res) => void res.send(String(++row.value));
  return serveCached({ handler: read, mutate: change, ...given }).then((app) => ({
    ...app,
    row,
    value: async () => (await app.get('/thing')).body.toString(),
    warm: () => eventually('a hit', async () => (await app.get('/thing')).hit),
  }));
}
