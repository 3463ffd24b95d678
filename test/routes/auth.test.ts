import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEMO_PASSWORD } from '../../server/seed.js';
import { startApp } from './start-app.js';

let app: Awaited<ReturnType<typeof startApp>>;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.stop());

type Headers = Record<string, string | string[] | undefined>;
const cookieOf = (headers: Headers) => String([headers['set-cookie']].flat()[0]).split(';')[0]!;
const me = (cookie: string) => app.client().get('/auth/me').set('Cookie', cookie);

async function login(email: string) {
  const { headers } = await app
    .client()
    .post('/auth/login')
    .send({ email, password: DEMO_PASSWORD })
    .expect(200);
  return cookieOf(headers);
}

describe('logging in', () => {
  test('answers with the user, and from then on the server knows who is asking', async () => {
    const { client, user } = await app.loggedIn('ALICE@example.com');
    expect(Object.keys(user)).toEqual(['id', 'email', 'name', 'createdAt', 'updatedAt']);
    const { body } = await client.get('/auth/me').expect(200);
    expect(body).toEqual(user);
  });

  test('a wrong password and an unknown email get the same 401', async () => {
    const attempt = (email: string) => app.client().post('/auth/login').send({ email, password: 'wrong' });
    const wrong = await attempt('alice@example.com').expect(401);
    const unknown = await attempt('nobody@example.com').expect(401);
    expect(wrong.body).toEqual(unknown.body);
    expect(wrong.headers['set-cookie']).toBeUndefined();
  });

  test('gives a new session id, and the one from before is worth nothing', async () => {
    const before = await login('alice@example.com');
    const again = await app
      .client()
      .post('/auth/login')
      .set('Cookie', before)
      .send({ email: 'bob@example.com', password: DEMO_PASSWORD })
      .expect(200);
    expect(cookieOf(again.headers)).not.toBe(before);
    await me(before).expect(401);
  });

  test.each([
    [['email', 'password'], {}],
    [['password'], { email: 'alice@example.com', password: { $ne: '' } }],
    [['email'], { email: 'alice@example.com\u0000', password: DEMO_PASSWORD }],
    [['password'], { email: 'alice@example.com', password: `${DEMO_PASSWORD}\u0000` }],
    [['password'], { email: 'alice@example.com', password: '\ud800' }],
    [['remember'], { email: 'alice@example.com', password: 'x', remember: true }],
  ])('names the wrong fields %j in a 400', async (wrong, input) => {
    const { body } = await app.client().post('/auth/login').send(input).expect(400);
    expect(body.errors.map(({ field }: { field: string }) => field)).toEqual(wrong);
  });
});

describe('who am I', () => {
  test('is a 401 that says how to log in for somebody unknown', async () => {
    const { headers, body } = await app.client().get('/auth/me').expect(401);
    expect(headers['www-authenticate']).toMatch(/^Cookie /);
    expect(body).toMatchObject({ title: 'Unauthorized', instance: '/auth/me' });
  });

  test('is never stored by anybody', async () => {
    const { client } = await app.loggedIn();
    const { headers } = await client.get('/auth/me');
    expect(headers['cache-control']).toBe('no-store');
  });

  test('is a 401 once the record of the user is gone, as is everything else that asks for a login', async () => {
    const { client, user } = await app.loggedIn('grace@example.com');
    await app.pool.query('DELETE FROM users WHERE id = $1', [user.id]);
    await client.get('/auth/me').expect(401);
    await client.get('/auth/sessions').expect(401);
    await client.post('/auth/logout-everywhere').expect(401);
    await client.patch(`/users/${user.id}`).send({ name: 'Ghost' }).expect(401);
    await client.delete(`/users/${user.id}`).expect(401);
  });
});

describe('logging out', () => {
  test('ends the session: its cookie, kept and sent again, is worth nothing', async () => {
    const cookie = await login('heidi@example.com');
    await app.client().post('/auth/logout').set('Cookie', cookie).expect(204);
    await me(cookie).expect(401);
  });

  test('without a session is fine', async () => {
    await app.client().post('/auth/logout').expect(204);
  });

  test('everywhere ends all sessions of the user and none of anybody else', async () => {
    const [here, there, other] = [
      await login('ivan@example.com'),
      await login('ivan@example.com'),
      await login('judy@example.com'),
    ];
    await app.client().post('/auth/logout-everywhere').set('Cookie', here).expect(204);
    await me(here).expect(401);
    await me(there).expect(401);
    await me(other).expect(200);
  });

  test('everywhere asks for a login', async () => {
    await app.client().post('/auth/logout-everywhere').expect(401);
  });
});

describe('my devices', () => {
  const sessionsOf = async (cookie: string) =>
    (await app.client().get('/auth/sessions').set('Cookie', cookie).expect(200)).body.sessions;

  test('are all of mine, the one that asks is marked, and none shows an id that could be used', async () => {
    await login('kofi@example.com');
    const here = await login('kofi@example.com');
    await login('lena@example.com');
    const sessions = await sessionsOf(here);
    expect(sessions.map(({ current }: { current: boolean }) => current)).toEqual([false, true]);
    for (const { createdAt, lastSeenAt, device } of sessions) {
      expect(Date.parse(createdAt)).toBeLessThanOrEqual(Date.parse(lastSeenAt));
      expect(device).toEqual({ ip: expect.stringMatching(/^10\./) });
    }
    const id = decodeURIComponent(here.split('=')[1]!).replace(/^s:/, '').split('.')[0]!;
    expect(JSON.stringify(sessions)).not.toContain(id);
  });

  test('can be logged out one by one, but not by somebody else', async () => {
    const [here, there, other] = [
      await login('mallory@example.com'),
      await login('mallory@example.com'),
      await login('niaj@example.com'),
    ];
    const { handle } = (await sessionsOf(there)).find(({ current }: { current: boolean }) => current);
    const end = (cookie: string) => app.client().delete(`/auth/sessions/${handle}`).set('Cookie', cookie);
    await end(other).expect(404);
    await me(there).expect(200);
    await end(here).expect(204);
    await me(there).expect(401);
    await me(here).expect(200);
    await end(here).expect(404);
  });
});
