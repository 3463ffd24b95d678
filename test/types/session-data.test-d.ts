import type { NextFunction, Request, Response } from 'express';
import {
  type RedisClient,
  type Session,
  type SessionMiddleware,
  type SessionOptions,
  session,
} from 'express-redis-toolkit';

// What a user of the package writes.
declare module 'express-redis-toolkit' {
  interface SessionData {
    userId: string;
    cart?: { items: number[] };
  }
}

export function useSession(req: Request, own: Session, redis: RedisClient): void {
  const id: string | undefined = req.session.userId;
  req.session.cart = { items: [1] };
  own.userId = 'u';
  // As in express-session a property may be missing, however it was declared.
  delete req.session.userId;
  // @ts-expect-error it may be missing
  const certain: string = req.session.userId;
  // @ts-expect-error it is a string
  req.session.userId = 1;
  // @ts-expect-error it was not declared
  req.session.unknown = 1;
  session({ redis, secret: 'x', user: ({ userId }) => userId });
  // @ts-expect-error it was made by the toolkit, and cannot be another object
  req.session = {};
  void [id, certain];
}

/** With callbacks, as code for express-session has them. */
export function callBack(req: Request, res: Response, next: NextFunction): void {
  req.session.regenerate((err) => {
    if (err) return next(err.message);
    req.session.userId = 'u';
    req.session.save((error: Error | null) => (error ? next(error) : res.redirect('/')));
  });
  req.session.reload((error: unknown) => next(error));
  req.session.destroy(next);
  req.session.touch().resetMaxAge().userId = 'u';
}

/** With promises, and the cookie's attributes. */
export async function wait(req: Request, sessions: SessionMiddleware): Promise<string[]> {
  await req.session.regenerate();
  await req.session.save();
  await req.session.reload();
  await req.session.destroy();
  const { cookie } = req.session;
  const left: number | null = cookie.maxAge;
  cookie.maxAge = 5000;
  cookie.maxAge = null;
  cookie.expires = new Date();
  cookie.expires = false;
  cookie.sameSite = 'strict';
  const ids: [string, string, Request] = [req.sessionID, req.session.id, req.session.req];
  const ended: number = await sessions.destroyAll('u', { except: req.sessionID });
  const all = await sessions.list('u', { current: req.sessionID });
  const known: Session | undefined = await sessions.load(req);
  void [left, ids, ended, known?.userId];
  return all.map(
    ({ handle, createdAt, device, current }) => `${handle}${createdAt.getTime()}${device?.ip}${current}`,
  );
}

export function options(redis: RedisClient, key: Buffer, domain: string | undefined): SessionOptions[] {
  return [
    { redis, secret: key, resave: false, saveUninitialized: false },
    { redis, secret: ['new', key], cookie: { maxAge: false, expires: null, sameSite: true } },
    { redis, cookie: (req) => ({ secure: 'auto', ...(domain && { domain }), path: req.baseUrl || '/' }) },
    // @ts-expect-error not a secret
    { redis, secret: 7 },
    // @ts-expect-error sessions are kept in Redis
    { redis, secret: 'x', store: {} },
  ];
}
