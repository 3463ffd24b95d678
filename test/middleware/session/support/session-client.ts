import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import type { SessionOptions } from '../../../../middleware/session/options.js';
import { session } from '../../../../middleware/session/session.js';
import { quiet, serve } from '../../support/redis-for-file.js';

export const SECRET = 'a secret of the tests';

export interface Answer {
  status: number;
  text: string;
  cookie: string | undefined;
  headers: Headers;
}

export interface Client {
  url: string;
  cookie: string;
  get(path: string, init?: RequestInit): Promise<Answer>;
}

/** Keeps the session cookie, as a browser does. */
export function clientOf(url: string, cookie = ''): Client {
  return {
    url,
    cookie,
    async get(path, init = {}) {
      const headers = { ...(this.cookie && { cookie: this.cookie }), ...init.headers };
      const answer = await fetch(this.url + path, { redirect: 'manual', ...init, headers });
      const given = answer.headers.getSetCookie().find((line) => line.includes('sid='));
      if (given) this.cookie = given.split(';')[0]!;
      return { status: answer.status, text: await answer.text(), cookie: given, headers: answer.headers };
    },
  };
}

/** An app with sessions, and an error handler that sends the error's code. */
export async function serveSessions(
  options: Partial<SessionOptions> & Pick<SessionOptions, 'redis'>,
  routes: (app: Express) => void,
  wrap: (app: Express) => void = () => {},
) {
  const sessions = session({ secret: SECRET, logger: quiet, ...options });
  const app = express();
  wrap(app);
  app.use(sessions);
  routes(app);
  app.use(tellError);
  const url = await serve(app);
  return { url, sessions, client: (cookie?: string) => clientOf(url, cookie) };
}

export function tellError(
  error: Error & { code?: string; status?: number },
  _req: Request,
  res: Response,
  next: NextFunction,
) {
  if (res.headersSent) return next(error);
  res.status(error.status ?? 500).json({ error: error.code ?? error.message });
}

/** `req.session` without types: the tests use properties of their own. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export const data = (req: Request): any => req.session;
