import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { ToolkitError } from '../../src/errors.js';
import { handOver, keepAmongOwn } from './hand-over.js';
import { shareShape } from './hidden-class.js';
import { hasPrefetch, startPrefetches } from './prefetch.js';

/**
 * Runs middlewares in order, as `app.use(a, b, c)` would, but starts the Redis reads of all of them in the same
 * tick, so that they leave in one write and cost one round trip together. In a Cluster the write splits by node
 * and still costs one round trip of time.
 *
 * Put `rateLimit` first: its question charges the client, so it travels with the others only when no earlier
 * middleware can end the request.
 *
 * @example
 * app.get('/users/:id', stack(limit, sessions, cacheResponse({ redis, ttlSeconds: 60 })), getUser);
 * @throws ToolkitError `OPTION_INVALID` when an argument is not a middleware
 */
export function stack(...middlewares: readonly RequestHandler[]): RequestHandler {
  if (middlewares.length === 0)
    throw new ToolkitError('OPTION_INVALID', 'stack: give it at least one middleware');
  for (const [position, middleware] of middlewares.entries()) {
    if (typeof middleware !== 'function') {
      throw new ToolkitError(
        'OPTION_INVALID',
        `stack: argument ${position + 1} must be a middleware function`,
      );
    }
  }
  return function stackMiddleware(req, res, next) {
    shareShape(req, res);
    keepAmongOwn(req);
    startPrefetches(middlewares, req, res);
    runInOrder(middlewares, 0, req, res, next);
  };
}

function runInOrder(
  middlewares: readonly RequestHandler[],
  position: number,
  req: Request,
  res: Response,
  next: NextFunction,
): void {
  const middleware = middlewares[position];
  if (!middleware || !hasPrefetch(middleware)) handOver(req);
  if (!middleware) {
    next();
    return;
  }
  let called = false;
  const proceed = (error?: unknown) => {
    if (called) {
      // A response that was held may fail after its handler ran: that error has nowhere else to go.
      if (error) next(error);
      return;
    }
    called = true;
    if (!error) return runInOrder(middlewares, position + 1, req, res, next);
    handOver(req);
    next(error);
  };
  try {
    const outcome: unknown = middleware(req, res, proceed as NextFunction);
    if (outcome instanceof Promise) outcome.catch(proceed);
  } catch (error) {
    proceed(error);
  }
}
