import type { NextFunction, Request, RequestHandler, Response } from 'express';

/** A handler whose rejection goes to `next`. Express 5 does that by itself; in Express 4 it would end the process. */
export const asyncHandler =
  (handler: (req: Request, res: Response, next: NextFunction) => Promise<unknown>): RequestHandler =>
  (req, res, next) => {
    handler(req, res, next).catch(next);
  };
