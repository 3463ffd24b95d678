import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { type RedisClient, rateLimit, session, stack } from '../../index.js';
import { appModule } from './app.module.js';
import { REDIS } from './redis.js';

export interface NestAppOptions {
  redisUrl: string;
  databaseUrl: string;
  sessionSecret: string;
}

/** The middlewares go in by `app.use()`, over the client that Nest injects everywhere else. */
export async function createNestApp({
  sessionSecret,
  ...urls
}: NestAppOptions): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(appModule(urls), {
    logger: ['error', 'warn'],
  });
  const redis = app.get<RedisClient>(REDIS);
  app.use(
    stack(
      rateLimit({ redis, windowMs: 60_000, limit: 100 }),
      session({ redis, secret: sessionSecret, user: ({ userId }) => userId }),
    ),
  );
  app.enableShutdownHooks();
  return app;
}
