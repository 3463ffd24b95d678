import type { Request, RequestHandler, Response } from 'express';

const start = Symbol('express-redis-toolkit.prefetch');
const results = Symbol('express-redis-toolkit.prefetched');

/** The Redis questions that a middleware can name from the request alone. */
export type Prefetch<Answer> = (req: Request, res: Response) => Answer | undefined;

interface Prefetching {
  [start]?: { readonly ask: Prefetch<unknown>; readonly onlyWhenFirst: boolean };
}

type Carrier = Request & { [results]?: Map<unknown, unknown> };

/**
 * Gives a middleware a prefetch for `stack` to start early.
 * `onlyWhenFirst`: asking changes something in Redis (the limiter charges), so it must not be asked before an
 * earlier middleware has had its say.
 */
export function withPrefetch<Handler extends RequestHandler>(
  handler: Handler,
  ask: Prefetch<unknown>,
  { onlyWhenFirst = false } = {},
): Handler {
  return Object.assign(handler, { [start]: { ask, onlyWhenFirst } });
}

export function startPrefetches(middlewares: readonly RequestHandler[], req: Request, res: Response): void {
  for (const [position, middleware] of middlewares.entries()) {
    const prefetch = (middleware as Prefetching)[start];
    if (!prefetch || (prefetch.onlyWhenFirst && position > 0)) continue;
    const answer = attempt(prefetch.ask, req, res);
    if (answer === undefined) continue;
    const carrier = req as Carrier;
    carrier[results] ??= new Map();
    carrier[results].set(middleware, answer);
  }
}

// What a prefetch asks may depend on what an earlier middleware sets (`req.user.id`): then it throws here, and
// the middleware asks again, and reports its errors, when its turn comes.
function attempt(ask: Prefetch<unknown>, req: Request, res: Response): unknown {
  try {
    const answer = ask(req, res);
    if (answer instanceof Promise) answer.catch(() => undefined);
    return answer;
  } catch {
    return undefined;
  }
}

/** The answer started for this middleware by `stack`, once. */
export function takePrefetched<Answer>(req: Request, middleware: RequestHandler): Answer | undefined {
  const answers = (req as Carrier)[results];
  const answer = answers?.get(middleware) as Answer | undefined;
  answers?.delete(middleware);
  return answer;
}
