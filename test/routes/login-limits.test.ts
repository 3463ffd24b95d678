import express from 'express';
import request from 'supertest';
import { expect, test } from 'vitest';
import { closeRedis, connectRedis, session } from '../../index.js';
import { authRouter } from '../../routes/auth.js';
import { problemHandler } from '../../routes/problem.js';
import type { UserRepository } from '../../routes/user-repository.js';
import { createLimits } from '../../server/limits.js';
import { createLogger } from '../../server/logging.js';
import { DEMO_PASSWORD } from '../../server/seed.js';
import { redisForFile, serve } from '../middleware/support/redis-for-file.js';
import { startApp } from './start-app.js';

type App = Awaited<ReturnType<typeof startApp>>;
const file = redisForFile();

const AWAY: [string, (app: App) => unknown][] = [
  ['stopped', ({ redisServer }) => redisServer.stop()],
  ['frozen', ({ redisServer }) => redisServer.freeze()],
  ['full', ({ redisServer }) => fillUp(redisServer.url)],
];

async function fillUp(url: string) {
  const redis = connectRedis(url);
  await redis.config('SET', 'maxmemory-policy', 'noeviction');
  await redis.config('SET', 'maxmemory', '1mb');
  await closeRedis(redis);
}

test.each(AWAY)(
  'with a Redis that is %s, a right and a wrong password get one answer, with a session from before and without',
  async (how, goAway) => {
    const app = await startApp();
    const { client } = await app.loggedIn();
    await goAway(app);
    const answers = [];
    for (const password of [DEMO_PASSWORD, ...Array.from({ length: 12 }, () => 'wrong')]) {
      for (const from of [app.client(), client]) {
        answers.push(await from.post('/auth/login').send({ email: 'alice@example.com', password }));
      }
    }
    for (const { status, body, headers } of answers) {
      expect({ status, body }).toEqual({ status: 503, body: answers[0]!.body });
      expect(headers['set-cookie']).toBeUndefined();
    }
    if (how === 'frozen') app.redisServer.thaw();
    await app.stop();
  },
);

/** The routes of /auth with their limits, before accounts of which none has the password. */
async function serveLimits() {
  const redis = file.redis;
  const asked: string[] = [];
  const verify = async (email: string) => void asked.push(email);
  const limits = createLimits(redis, createLogger('fatal'));
  const sessions = session({ redis, secret: 'a secret of at least thirty-two characters' });
  const users = {} as UserRepository;
  await redis.flushall();
  const url = await serve(
    express()
      .set('trust proxy', 1)
      .use(express.json())
      .use('/auth', authRouter({ accounts: { verify }, users, sessions, ...limits }))
      .use(problemHandler),
  );
  const attempt = (address: string, email: string) =>
    request(url).post('/auth/login').set('X-Forwarded-For', address).send({ email, password: 'wrong' });
  return { attempt, asked };
}

test('the eleventh attempt at one email from one address is refused, for other emails and addresses it is not', async () => {
  const { attempt } = await serveLimits();
  for (let n = 0; n < 10; n++) await attempt('10.0.0.1', 'erin@example.com').expect(401);
  await attempt('10.0.0.1', ' Erin@example.com').expect(429);
  await attempt('10.0.0.1', 'frank@example.com').expect(401);
  await attempt('10.0.0.2', 'erin@example.com').expect(401);
});

test('another spelling of an email is no way around its limit', async () => {
  const { attempt, asked } = await serveLimits();
  const spellings = [
    'heidi@example.com',
    'HEIDI@example.com',
    ' Heidi@example.com ',
    '\u00a0heidi@Example.COM',
  ];
  for (let n = 0; n < 10; n++) await attempt('10.0.0.1', spellings[n % 4]!).expect(401);
  for (const spelling of spellings) await attempt('10.0.0.1', spelling).expect(429);
  expect(asked).toEqual(Array.from({ length: 10 }, () => 'heidi@example.com'));
});

test('guesses at one account from many addresses are refused after 50 in an hour, and no other account is', async () => {
  const { attempt, asked } = await serveLimits();
  for (let n = 0; n < 50; n++) await attempt(`10.0.0.${n % 5}`, 'alice@example.com').expect(401);
  await attempt('10.0.1.1', 'ALICE@example.com').expect(429);
  expect(asked).toHaveLength(50);
  await attempt('10.0.1.1', 'bob@example.com').expect(401);
});

test('an address that is refused for an account does not use up the limit of that account', async () => {
  const { attempt } = await serveLimits();
  for (let n = 0; n < 10; n++) await attempt('10.0.0.1', 'alice@example.com').expect(401);
  for (let n = 0; n < 60; n++) await attempt('10.0.0.1', 'alice@example.com').expect(429);
  await attempt('10.0.0.2', 'alice@example.com').expect(401);
});
