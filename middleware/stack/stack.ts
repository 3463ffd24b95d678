import type { RequestHandler } from 'express';
import { ToolkitError } from '../../src/errors.js';
import { type Part, runSteps } from './run-steps.js';
import type { Step } from './step.js';

const parts = Symbol('express-redis-toolkit.parts');

type Mounted = RequestHandler & { readonly [parts]?: readonly Part[] };

/**
 * Runs middlewares in order, as `app.use(a, b, c)` would, but asks the questions of all of them in the same turn of
 * the event loop, so that they leave in one write and cost one round trip together. In a Cluster the write splits by
 * node and still costs one round trip of time. A stack inside a stack counts as the middlewares that it is made of.
 *
 * Put `rateLimit` first. Asking it costs the client a request, so `stack` asks early only when nothing before it
 * could have answered already.
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
    // Express knows error handlers by their four parameters; here it would be called with a request as its error.
    if (middleware.length > 3) {
      throw new ToolkitError(
        'OPTION_INVALID',
        `stack: argument ${position + 1} is an error handler: mount it with app.use after the routes`,
      );
    }
  }
  return mounted(middlewares.flatMap((middleware: Mounted) => middleware[parts] ?? [middleware]));
}

/** The middleware of one step: a stack of one. */
export function middlewareOf<Answer>(step: Step<Answer>): RequestHandler {
  return mounted([step]);
}

function mounted(all: readonly Part[]): RequestHandler {
  const handler: RequestHandler = function toolkitMiddleware(req, res, next) {
    runSteps(all, req, res, next);
  };
  return Object.assign(handler, { [parts]: all });
}
