import type { Request } from 'express';
import { consoleLogger, type Logger } from '../../src/logger.js';
import { loggedPath, NOTICE_CATALOGUE } from '../../src/notices.js';
import type { CacheReason } from './reasons.js';

const WATCHED_REQUESTS = 3;
// Patterns of routes are few. An app that adds routes for ever is not helped by warnings.
const MOST_ROUTES = 1000;

/** Hears why a request was set aside before its handler ran, or that it was not. */
export type AlwaysPersonalWatch = (req: Request, by: CacheReason | undefined) => void;

const ofAMiddleware: ReadonlySet<CacheReason | undefined> = new Set([
  'session-before',
  'foreign-session',
  'client-certificate',
  'user',
] as const);

/**
 * In development: explains once per route that a middleware before the cache makes all its responses personal. The first
 * requests of the route decide; after one that could be anybody's, no middleware is to blame.
 */
export function alwaysPersonalWatch(logger: Logger = consoleLogger): AlwaysPersonalWatch {
  const requestsOf = new Map<string, number>();
  return (req, by) => {
    if (req.app.get('env') !== 'development') return;
    const route = String(req.route?.path ?? req.baseUrl);
    const earlier = requestsOf.get(route) ?? (requestsOf.size < MOST_ROUTES ? 0 : WATCHED_REQUESTS);
    if (earlier >= WATCHED_REQUESTS) return;
    const requests = ofAMiddleware.has(by) ? earlier + 1 : Number.POSITIVE_INFINITY;
    requestsOf.set(route, requests);
    if (requests !== WATCHED_REQUESTS) return;
    const details = { code: 'CACHE_ALWAYS_PERSONAL', detail: by, url: loggedPath(req.originalUrl) } as const;
    logger.warn({ ...details, route }, `${details.code}: ${NOTICE_CATALOGUE[details.code]}`);
  };
}
