import { type RequestHandler, Router } from 'express';
import type { z } from 'zod';
import type { SessionMiddleware } from '../middleware/session/index.js';
import { stack } from '../middleware/stack/index.js';
import { Problem } from './problem.js';
import { loggedInUser, requireLogin } from './require-login.js';
import { credentials } from './user-input.js';
import type { User, UserRepository } from './user-repository.js';
import { validBody } from './validate.js';

export interface Accounts {
  /** Gives the user, or nothing when the email is unknown or the password is wrong. */
  verify(email: string, password: string): Promise<User | undefined>;
}

export interface AuthRouterDeps {
  accounts: Accounts;
  users: UserRepository;
  limit: RequestHandler;
  /** Asked in this order once the body is valid. */
  loginLimits: readonly RequestHandler[];
  sessions: SessionMiddleware;
}

/** Login, logout, who am I, where am I logged in, log out there or everywhere. */
export function authRouter({ accounts, users, limit, loginLimits, sessions }: AuthRouterDeps): Router {
  const router = Router();
  const loggedIn = stack(limit, sessions, requireLogin(users));
  router.use(noStore);

  const login = stack(limit, validBody(credentials), ...loginLimits, sessions);
  router.post('/login', login, async (req, res) => {
    const { email, password } = req.body as z.infer<typeof credentials>;
    const user = await accounts.verify(email, password);
    if (!user) throw new Problem(401, 'The email or the password is wrong.');
    // A new id: one that somebody planted in this browser before the login must not become logged in.
    await req.session.regenerate();
    req.session.userId = user.id;
    res.json(user);
  });

  router.post('/logout', stack(limit, sessions), async (req, res) => {
    await req.session.destroy();
    res.status(204).end();
  });

  router.get('/me', loggedIn, (req, res) => {
    res.json(loggedInUser(req));
  });

  router.get('/sessions', loggedIn, async (req, res) => {
    res.json({ sessions: await sessions.list(loggedInUser(req).id, { current: req.sessionID }) });
  });

  router.delete('/sessions/:handle', loggedIn, async (req, res) => {
    const ended = await sessions.destroy(loggedInUser(req).id, String(req.params.handle));
    if (!ended) throw new Problem(404, 'You have no such session.');
    res.status(204).end();
  });

  router.post('/logout-everywhere', loggedIn, async (req, res) => {
    await sessions.destroyAll(loggedInUser(req).id);
    res.status(204).end();
  });

  return router;
}

const noStore: RequestHandler = (_req, res, next) => {
  res.set('Cache-Control', 'no-store');
  next();
};
