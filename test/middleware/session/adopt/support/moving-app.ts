import { RedisStore } from 'connect-redis';
import express, {
  type Express,
  type NextFunction,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import { createClient } from 'redis';

// Its types would give req.session another type everywhere.
const expressSession = require('express-session');

// The processes of a test load this file, and nothing that loads vitest.
export const SECRET = 'a secret of the tests';
export const MAX_AGE_MS = 600_000;
export const userOf = (session: object): string | undefined => (session as { user?: string }).user;

// biome-ignore lint/suspicious/noExplicitAny: the properties are the tests' own
const data = (req: Request): any => req.session;

/** The routes of an application that moves: they run on the old middleware and on the new one. */
export function movingApp(sessions: RequestHandler): Express {
  const app = express();
  app.use(sessions);
  app.get('/login', (req, res, next) => {
    req.session.regenerate((error) => {
      if (error) return next(error);
      data(req).user = req.query.user;
      res.end(req.sessionID);
    });
  });
  app.get('/logout', (req, res, next) => {
    req.session.destroy((error) => (error ? next(error) : res.end('ended')));
  });
  app.get('/set/:name', (req, res) => {
    data(req)[req.params.name] = req.query.value ?? '1';
    res.end(req.sessionID);
  });
  app.get('/show', (req, res) => {
    const { cookie: _, ...properties } = data(req);
    res.json(properties);
  });
  app.get('/life', (req, res) => void res.json(req.session.cookie.originalMaxAge));
  app.use(
    (error: Error & { code?: string; status?: number }, _req: Request, res: Response, _: NextFunction) => {
      res.status(error.status ?? 500).json({ error: error.code ?? error.message });
    },
  );
  return app;
}

export interface OldOptions {
  serializer?: { parse(text: string): unknown; stringify(session: object): string };
  cookie?: object;
  secret?: string;
  disableTTL?: boolean;
}

/** express-session with connect-redis on a client of node-redis. */
export async function oldSessions(url: string, options: OldOptions = {}) {
  const { serializer, disableTTL = false, ...rest } = options;
  const client = await createClient({ url }).connect();
  const store = new RedisStore({
    client,
    disableTTL,
    ...(serializer && { serializer: serializer as never }),
  });
  const given = {
    store,
    secret: SECRET,
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: MAX_AGE_MS },
    ...rest,
  };
  return { sessions: expressSession(given) as RequestHandler, close: () => client.destroy() };
}
