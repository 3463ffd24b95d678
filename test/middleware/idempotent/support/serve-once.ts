import express, { type RequestHandler } from 'express';
import type { Redis } from 'ioredis';
import { idempotent } from '../../../../middleware/idempotent/idempotent.js';
import type { IdempotentOptions } from '../../../../middleware/idempotent/options.js';
import { quiet, serve } from '../../support/redis-for-file.js';

let prefixes = 0;

/** Serves a route that is idempotent, whose handler is counted. */
export async function serveOnce(
  redis: Redis,
  handler: RequestHandler,
  options: Partial<IdempotentOptions> = {},
) {
  const prefix = `hard-${++prefixes}:`;
  const app = express().set('env', 'test');
  const once = () =>
    idempotent({ redis, prefix, scope: () => 'ann', logger: quiet, timeoutMs: 2_000, ...options });
  let runs = 0;
  app.post('/o', once(), once(), (req, res, next) => {
    runs += 1;
    return handler(req, res, next);
  });
  const tellError: express.ErrorRequestHandler = (error, _req, res, next) =>
    res.headersSent ? next(error) : void res.status(error.status ?? 500).json({ code: error.code });
  app.use(tellError);
  const url = `${await serve(app)}/o`;
  const post = (body = 'a', headers: Record<string, string> = {}, signal?: AbortSignal) =>
    fetch(url, {
      method: 'POST',
      headers: { 'Idempotency-Key': 'k', ...headers },
      body,
      signal: signal ?? null,
    });
  return { url, prefix, post, runs: () => runs };
}

/** The status, and what a replay says of itself. */
export const statusOf = async (answer: Promise<Response>) => {
  const { status, headers } = await answer;
  const isOmitted = headers.has('idempotency-replay') ? ' omitted' : '';
  return headers.get('idempotency-replayed') ? `${status} replayed${isOmitted}` : `${status}`;
};
