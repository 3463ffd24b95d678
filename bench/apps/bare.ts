import type { RequestHandler, Response } from 'express';
import { type Kit, sendJson } from './kit.js';

const nothing: RequestHandler = (_req, _res, next) => next();

function endJson(res: Response, body: string): void {
  res.setHeader('Content-Type', 'application/json; charset=utf-8');
  res.setHeader('Content-Length', Buffer.byteLength(body));
  res.end(body);
}

/** Express with no middleware at all. */
export function bare(how: 'send' | 'end'): Kit {
  const answer = how === 'send' ? sendJson : endJson;
  return {
    mount: () => [],
    limiter: () => nothing,
    sessions: () => nothing,
    cached: (origin) => ({
      before: [],
      handler: (req, res) => answer(res, origin(String(req.params.id)) as string),
    }),
    purge: () => nothing,
    answer,
  };
}
