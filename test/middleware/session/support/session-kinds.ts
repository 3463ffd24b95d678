import express, { type Express, type RequestHandler } from 'express';
import { session } from '../../../../middleware/session/session.js';
import { quiet, serve } from '../../support/redis-for-file.js';
import { clientOf, SECRET, tellError } from './session-client.js';

// Its types would give req.session another type everywhere.
const expressSession = require('express-session');

export type Kind = 'express-session' | 'ours';
export const KINDS: readonly Kind[] = ['express-session', 'ours'];

type Given = Omit<Parameters<typeof session>[0], 'redis'>;

/** The middleware of either kind, so that one test can compare both. */
export function sessionsOf(kind: Kind, redis: Parameters<typeof session>[0]['redis'], options: Given = {}) {
  const given = { secret: SECRET, ...options };
  // For express-session an undefined secret is a missing one.
  if (given.secret === undefined) delete (given as { secret?: unknown }).secret;
  if (kind === 'ours') return session({ redis, logger: quiet, prefix: `${Math.random()}:`, ...given });
  return expressSession({ resave: false, saveUninitialized: false, ...given }) as RequestHandler;
}

export async function serveKind(
  kind: Kind,
  redis: Parameters<typeof session>[0]['redis'],
  options: Given,
  routes: (app: Express) => void,
  wrap: (app: Express) => void = () => {},
) {
  const app = express();
  wrap(app);
  app.use(sessionsOf(kind, redis, options));
  routes(app);
  app.use(tellError);
  const url = await serve(app);
  return { url, client: (cookie?: string) => clientOf(url, cookie) };
}
