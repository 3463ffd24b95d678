import express, { type Express } from 'express';
import { type CacheResponseOptions, cacheResponse } from '../../index.js';
import { forwardTo } from './forward.js';

/** `cacheResponse` in front of an origin: what the origin says in its headers decides. */
export function createProxy(origin: URL, cache: CacheResponseOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use(cacheResponse(cache), forwardTo(origin));
  return app;
}
