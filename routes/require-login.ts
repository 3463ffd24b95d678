import type { Request, RequestHandler } from 'express';
import { Problem } from './problem.js';
import './session-data.js';

/** The id of the logged-in user; a 401 when there is none. */
export function loggedInUser(req: Request): string {
  const userId = req.session.userId;
  if (!userId) throw new Problem(401, 'Log in first: POST /auth/login.');
  return userId;
}

export const requireLogin: RequestHandler = (req, _res, next) => {
  loggedInUser(req);
  next();
};
