import type { RequestHandler } from 'express';

/** The handler, whose rejection goes to `next`. Express 5 does that by itself. */
export const forwards =
  (handler: (...args: Parameters<RequestHandler>) => unknown): RequestHandler =>
  (req, res, next) => {
    Promise.resolve(handler(req, res, next)).catch(next);
  };
