import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import type { RateLimitOptions } from '../../../../middleware/rate-limit/options.js';
import { rateLimit } from '../../../../middleware/rate-limit/rate-limit.js';
import type { RedisClient } from '../../../../src/redis/connect.js';

let prefixes = 0;

export interface LimitedAppOptions extends Partial<RateLimitOptions> {
  readonly redis: RedisClient;
}

const answerOk: RequestHandler = (_req, res) => void res.send('ok');

/** An app behind one limiter, whose error handler answers with the error's code and message. */
export function limitedApp(
  options: LimitedAppOptions,
  handler = answerOk,
  prepare: (app: Express) => void = () => undefined,
) {
  const logged: { code?: string; message: string }[] = [];
  const note = (fields: { code?: string }, message: string) => void logged.push({ ...fields, message });
  const limiter = rateLimit({
    prefix: `limited-${process.pid}-${++prefixes}:`,
    logger: { info: note, warn: note, error: note },
    ...options,
  });
  const app = express();
  prepare(app);
  app.use(limiter, handler);
  const tellError: ErrorRequestHandler = (error, _req, res, next) => {
    if (res.headersSent) return next(error);
    res.status(error.status ?? 500).json({ code: error.code, message: error.message });
  };
  app.use(tellError);
  return { app, limiter, codes: () => logged.map(({ code }) => code), logged };
}
