import express, { type Express, type RequestHandler, type Router } from 'express';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { ping, type RedisClient, session } from '../index.js';
import { type OpsOptions, ops } from '../ops.js';
import { authRouter } from '../routes/auth.js';
import { healthRouter } from '../routes/health.js';
import { fromOwnOrigin } from '../routes/own-origin.js';
import { problemHandler, unknownRoute } from '../routes/problem.js';
import type { UserEvents } from '../routes/user-events.js';
import { usersRouter } from '../routes/users.js';
import { createAccounts } from './accounts.js';
import { cachedUsers } from './cached-users.js';
import type { Config } from './config.js';
import { createLimits } from './limits.js';
import { httpLogging } from './logging.js';
import type { PasswordCost } from './password.js';
import { pingPostgres } from './postgres.js';
import { createUserRepository } from './user-repository.js';

// Half of the second after which Kubernetes gives up on a probe.
const READY_WITHIN_MS = 500;

export interface AppDeps {
  redis: RedisClient;
  pool: Pool;
  events: UserEvents;
  logger: Logger;
  config: Pick<Config, 'sessionSecret' | 'secureCookie' | 'trustProxy' | 'opsAdmins'>;
  /** The page at `/`. */
  page?: Router | undefined;
  metrics?: Router | undefined;
  /** The cost of a password's hash. Most tests make it cheap. */
  passwordCost?: PasswordCost;
}

export function createApp({
  redis,
  pool,
  events,
  logger,
  config,
  page,
  metrics,
  passwordCost,
}: AppDeps): Express {
  const users = createUserRepository(pool, passwordCost);
  const accounts = createAccounts(pool, passwordCost);
  const { limit, signUpLimit, loginLimits } = createLimits(redis, logger);
  const sessions = createSessions({ redis, logger, config });

  const app = express();
  app.disable('x-powered-by');
  app.set('trust proxy', config.trustProxy);
  app.use(securityHeaders);
  // In front of the log, which an orchestrator's probes would fill.
  app.use(
    '/health',
    healthRouter({
      needed: { postgres: () => pingPostgres(pool) },
      // Redis is shared by all replicas: were they all not ready while it is away, nobody would answer the reads.
      reported: { redis: () => ping(redis, { timeoutMs: READY_WITHIN_MS }) },
      deadlineMs: READY_WITHIN_MS,
    }),
  );
  // Here too: the page asks once a second.
  if (config.opsAdmins.length > 0) app.use('/ops', sessions);
  app.use('/ops', ops({ redis, logger, authorize: operatorsOf(config.opsAdmins) }));
  if (metrics) app.use(metrics);
  if (page) app.use(page);
  app.use(httpLogging(logger));
  app.use(fromOwnOrigin);
  app.use(express.json({ limit: '16kb' }));
  app.use('/users', usersRouter({ users, redis, events, limit, signUpLimit, sessions }));
  app.use(
    '/auth',
    authRouter({ accounts, users: cachedUsers(users, redis, logger), limit, loginLimits, sessions }),
  );
  app.use(unknownRoute);
  app.use(problemHandler);
  return app;
}

const createSessions = ({ redis, logger, config }: Pick<AppDeps, 'redis' | 'logger' | 'config'>) =>
  session({
    redis,
    logger,
    secret: config.sessionSecret,
    cookie: { secure: config.secureCookie, sameSite: 'lax' },
    user: ({ userId }) => userId,
    device: (req) => ({ userAgent: req.get('user-agent'), ip: req.ip }),
  });

/** The users of the configuration; without any, whoever is on this machine. */
const operatorsOf = (admins: readonly string[]): OpsOptions['authorize'] =>
  admins.length === 0
    ? 'loopback'
    : ({ session: { userId } }) => userId !== undefined && admins.includes(userId) && userId;

const securityHeaders: RequestHandler = (_req, res, next) => {
  res.set({
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
    'Referrer-Policy': 'no-referrer',
  });
  next();
};
