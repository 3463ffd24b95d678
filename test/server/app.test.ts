import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEMO_PASSWORD } from '../../server/seed.js';
import { startApp } from '../routes/start-app.js';
import { eventually } from '../support/eventually.js';

type App = Awaited<ReturnType<typeof startApp>>;

describe('the sample server', () => {
  let app: App;
  beforeAll(async () => {
    app = await startApp();
  });
  afterAll(() => app.stop());

  test('is ready when Redis and PostgreSQL answer', async () => {
    const { body } = await app.client().get('/health/ready').expect(200);
    expect(body).toEqual({ status: 'ready', checks: { redis: 'up', postgres: 'up' } });
  });

  test('does not say what it is made of, and lets no browser guess at types or frame an answer', async () => {
    const { headers } = await app.client().get('/users').expect(200);
    expect(headers).not.toHaveProperty('x-powered-by');
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['content-security-policy']).toBe("default-src 'none'; frame-ancestors 'none'");
  });

  test('says on every answer how much of the limit is left, and counts each client alone', async () => {
    const client = app.client();
    const left = async (of = client) => /r=(\d+)/.exec((await of.get('/users')).headers.ratelimit!)?.[1];
    expect([await left(), await left(), await left(app.client())]).toEqual(['299', '298', '299']);
  });

  test('answers an unknown path, a broken body and one that is too large as problems', async () => {
    const client = app.client();
    const post = (body: string) =>
      client.post('/auth/login').set('Content-Type', 'application/json').send(body);
    const answers = [await client.get('/nowhere'), await post('{'), await post(`"${'x'.repeat(20_000)}"`)];
    expect(answers.map(({ status, type }) => [status, type])).toEqual([
      [404, 'application/problem+json'],
      [400, 'application/problem+json'],
      [413, 'application/problem+json'],
    ]);
  });
});

test('in production the session cookie is sent over HTTPS only', async () => {
  const app = await startApp({ production: true });
  const credentials = { email: 'alice@example.com', password: DEMO_PASSWORD };
  const { headers } = await app
    .client()
    .post('/auth/login')
    .set('X-Forwarded-Proto', 'https')
    .send(credentials)
    .expect(200);
  expect(String(headers['set-cookie'])).toMatch(
    /HttpOnly.*Secure.*SameSite=Lax|Secure.*HttpOnly.*SameSite=Lax/,
  );
  await app.stop();
});

test('without Redis it is live and ready, reads are still answered, and a mutation is refused with a 503', async () => {
  const app = await startApp();
  const { client, user } = await app.loggedIn();
  await app.redisServer.stop();
  await app.client().get('/health/live').expect(200);
  const ready = await app.client().get('/health/ready').expect(200);
  expect(ready.body.checks).toEqual({ redis: 'down', postgres: 'up' });
  const { body } = await app.client().get(`/users/${user.id}`).expect(200);
  expect(body).toEqual(user);
  const refused = await client.patch(`/users/${user.id}`).send({ name: 'X' }).expect(503);
  expect(refused.body).toMatchObject({ status: 503, code: 'REDIS_UNAVAILABLE' });
  await app.stop();
});

test('a Redis that hangs is one error in the log, however many requests it fails', async () => {
  const lines: { level: number; err?: unknown; res?: { statusCode: number } }[] = [];
  const app = await startApp({ onLog: (line) => lines.push(JSON.parse(line)) });
  const { client } = await app.loggedIn();
  process.kill(app.redisServer.pid, 'SIGSTOP');
  await Promise.all(Array.from({ length: 25 }, () => client.get('/auth/me').expect(503)));
  await Promise.all(Array.from({ length: 25 }, () => client.get('/auth/me').expect(503)));
  const errors = () => lines.filter(({ level }) => level >= 50);
  // A question of the toolkit's own, which has a deadline too, confirms that Redis is away and not only slow.
  await eventually('the outage is in the log', () => errors().length > 0);
  process.kill(app.redisServer.pid, 'SIGCONT');
  expect(errors()).toMatchObject([{ code: 'REDIS_UNAVAILABLE' }]);
  const failed = lines.filter(({ res }) => res?.statusCode === 503);
  expect(failed).toHaveLength(50);
  expect(failed.filter(({ err }) => err !== undefined)).toEqual([]);
  await app.stop();
});

test('with a Redis that hangs it says within a second that it is ready', async () => {
  const app = await startApp();
  app.redisServer.freeze();
  const began = performance.now();
  const { body } = await app.client().get('/health/ready').expect(200);
  expect(performance.now() - began).toBeLessThan(1_000);
  expect(body).toEqual({ status: 'ready', checks: { redis: 'down', postgres: 'up' } });
  app.redisServer.thaw();
  await app.stop();
});

test.each(['gone', 'hanging'] as const)(
  'with a PostgreSQL that is %s every answer that needs it is a 503, one line of the log says so',
  async (how) => {
    const lines: { level: number; msg: string }[] = [];
    const app = await startApp({ onLog: (line) => lines.push(JSON.parse(line)) });
    const { client, user } = await app.loggedIn();
    if (how === 'hanging') app.postgresProxy.freeze();
    else await app.losePostgres();
    const credentials = { email: 'bob@example.com', password: DEMO_PASSWORD };
    const answers = await Promise.all([
      app.client().get(`/users/${randomUUID()}`),
      app.client().get('/users?limit=3'),
      app.client().post('/auth/login').send(credentials),
      app
        .client()
        .post('/users')
        .send({ ...credentials, email: 'new@example.com', name: 'New' }),
      client.patch(`/users/${user.id}`).send({ name: 'X' }),
      client.delete(`/users/${user.id}`),
    ]);
    expect(answers.map(({ status, type }) => [status, type])).toEqual(
      answers.map(() => [503, 'application/problem+json']),
    );
    expect(answers[0]!.text).not.toMatch(/ECONN|127\.0\.0\.1|timeout/);
    expect((await app.client().get('/health/ready').expect(503)).body.checks).toEqual({
      redis: 'up',
      postgres: 'down',
    });
    await app.client().get('/health/live').expect(200);
    expect(lines.filter(({ msg }) => msg === 'PostgreSQL does not answer')).toHaveLength(1);
    expect(lines.filter(({ msg }) => msg === 'request failed')).toEqual([]);

    if (how === 'hanging') {
      app.postgresProxy.thaw();
      await eventually(
        'PostgreSQL is found again',
        async () => (await app.client().get('/users?limit=4')).status === 200,
      );
    }
    await app.stop();
  },
);
