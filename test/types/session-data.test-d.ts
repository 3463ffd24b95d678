import type { Request } from 'express';
import { type RedisClient, type Session, session } from 'express-redis-toolkit';

// What a user of the package writes.
declare module 'express-redis-toolkit' {
  interface SessionData {
    userId?: string;
    cart?: { items: number[] };
  }
}

export function useSession(req: Request, own: Session, redis: RedisClient): void {
  const id: string | undefined = req.session.userId;
  req.session.userId = id;
  req.session.cart = { items: [1] };
  own.userId = 'u';
  // @ts-expect-error it is a string
  req.session.userId = 1;
  // @ts-expect-error it was not declared
  req.session.unknown = 1;
  session({ redis, secret: 'x', user: ({ userId }) => userId });
}
