import type { Request, RequestHandler, Response } from 'express';

const start = Symbol('express-redis-toolkit.prefetch');
const results = Symbol('express-redis-toolkit.prefetched');

const ignore = () => undefined;

/**
 * The Redis questions that a middleware can name from the request alone; `isFirst` when no other middleware of the stack
 * can change the request before its turn.
 */
export type Prefetch<Answer> = (req: Request, res: Response, isFirst: boolean) => Answer | undefined;

interface Prefetching {
  [start]?: {
    readonly ask: Prefetch<unknown>;
    readonly onlyWhenFirst: boolean;
    ends(answer: unknown): boolean;
  };
}

interface Prefetched {
  readonly middleware: RequestHandler;
  /** Nothing once it was taken. */
  answer: unknown;
  readonly next: Prefetched | undefined;
}

type Carrier = Request & { [results]?: Prefetched | undefined };

/**
 * Gives a middleware a prefetch for `stack` to start early.
 * `onlyWhenFirst`: asking changes something in Redis (the limiter charges), so it must not be asked before an
 * earlier middleware has had its say. `ends`: whether an answer that is there at once ends the request, so that the
 * others need not ask.
 */
export function withPrefetch<Handler extends RequestHandler>(
  handler: Handler,
  ask: Prefetch<unknown>,
  { onlyWhenFirst = false, ends = (_answer: unknown): boolean => false } = {},
): Handler {
  return Object.assign(handler, { [start]: { ask, onlyWhenFirst, ends } });
}

/** Whether it is one of the toolkit's middlewares that ask Redis about a request. */
export const hasPrefetch = (middleware: RequestHandler): boolean => start in middleware;

export function startPrefetches(middlewares: readonly RequestHandler[], req: Request, res: Response): void {
  for (let position = 0; position < middlewares.length; position++) {
    const middleware = middlewares[position]!;
    const prefetch = (middleware as Prefetching)[start];
    if (!prefetch || (prefetch.onlyWhenFirst && position > 0)) continue;
    const answer = attempt(prefetch.ask, req, res, position === 0);
    if (answer === undefined) continue;
    const carrier = req as Carrier;
    carrier[results] = { middleware, answer, next: carrier[results] };
    if (prefetch.ends(answer)) return;
  }
}

// What a prefetch asks may depend on what an earlier middleware sets (`req.user.id`): then it throws here, and
// the middleware asks again, and reports its errors, when its turn comes.
function attempt(ask: Prefetch<unknown>, req: Request, res: Response, isFirst: boolean): unknown {
  try {
    const answer = ask(req, res, isFirst);
    if (answer instanceof Promise) answer.catch(ignore);
    return answer;
  } catch {
    return undefined;
  }
}

/** The answer started for this middleware by `stack`, once. */
export function takePrefetched<Answer>(req: Request, middleware: RequestHandler): Answer | undefined {
  let prefetched = (req as Carrier)[results];
  while (prefetched && prefetched.middleware !== middleware) prefetched = prefetched.next;
  if (!prefetched) return undefined;
  const { answer } = prefetched;
  prefetched.answer = undefined;
  return answer as Answer;
}
