import express, { type Express } from 'express';
import type { Pool } from 'pg';
import { type RedisClient, rateLimit, session } from '../../index.js';
import { problemHandler, unknownRoute } from '../../routes/problem.js';
import type { UserEvents } from '../../routes/user-events.js';
import { usersRouter } from '../../routes/users.js';
import { createUserRepository } from '../../server/user-repository.js';
import type { MailQueue } from './mail-queue.js';
import { withWelcomeMail } from './with-welcome-mail.js';

export interface JobsAppDeps {
  redis: RedisClient;
  pool: Pool;
  queue: MailQueue;
  events: UserEvents;
  secret: string;
}

/** The sample's users, with a mail for each new one. */
export function createJobsApp({ redis, pool, queue, events, secret }: JobsAppDeps): Express {
  const app = express();
  app.use(express.json());
  app.use(
    '/users',
    usersRouter({
      users: withWelcomeMail(createUserRepository(pool), queue),
      redis,
      events,
      limit: rateLimit({ redis, windowMs: 60_000, limit: 100 }),
      signUpLimit: rateLimit({ redis, identifier: 'sign-up', windowMs: 3_600_000, limit: 20 }),
      sessions: session({ redis, secret }),
    }),
  );
  app.use(unknownRoute);
  app.use(problemHandler);
  return app;
}
