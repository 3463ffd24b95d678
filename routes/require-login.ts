import type { Request, RequestHandler } from 'express';
import { Problem } from './problem.js';
import type { User, UserRepository } from './user-repository.js';
import './session-data.js';

const loggedIn = new WeakMap<Request, User>();

/** The user whom `requireLogin` has let through. */
export function loggedInUser(req: Request): User {
  const user = loggedIn.get(req);
  if (!user) throw new Error(`${req.method} ${req.baseUrl}${req.path} has no requireLogin in front`);
  return user;
}

/** Answers 401 to a request without a session of a user who still exists. */
export function requireLogin(users: UserRepository): RequestHandler {
  return async (req, _res, next) => {
    const { userId } = req.session;
    if (!userId) throw new Problem(401, 'Log in first: POST /auth/login.');
    // A login that ran in parallel with the deletion leaves a session behind.
    const user = await users.get(userId);
    if (!user) throw new Problem(401, 'The user of this session is gone.');
    loggedIn.set(req, user);
    next();
  };
}
