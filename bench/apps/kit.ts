import type { RequestHandler, Response } from 'express';

/** Makes the body of a response; what a cache is there to save. */
export type Origin = (id: string) => string | Promise<string>;

export interface Cached {
  /** What comes before the handler. */
  readonly before: readonly RequestHandler[];
  readonly handler: RequestHandler;
}

/** The middlewares of one variant, so that all variants share their routes, bodies and sessions. */
export interface Kit {
  mount(...middlewares: readonly RequestHandler[]): readonly RequestHandler[];
  limiter(limit: number, skip?: (path: string) => boolean): RequestHandler;
  sessions(): RequestHandler;
  /** A cached GET; `tag` is what `purge` purges by. */
  cached(origin: Origin, tag?: string): Cached;
  purge(tag: string): RequestHandler;
  answer(res: Response, body: string): void;
  /** The operations page, where the variant has one. */
  readonly ops?: RequestHandler;
}

export const WINDOW_MS = 15 * 60_000;
export const TTL_SECONDS = 900;
export const SECRET = 'a secret of the benchmark, 32 bytes or more';

export const sendJson = (res: Response, body: string): void => void res.type('json').send(body);
