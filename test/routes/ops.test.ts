import request from 'supertest';
import { expect, test } from 'vitest';
import { startApp } from './start-app.js';

test('/ops of the sample is for its machine alone, and its state tells of the limits', async () => {
  const app = await startApp();
  try {
    await app.client().get('/ops/api/state').expect(403);
    const { body } = await request(app.url).get('/ops/api/state').expect(200);
    expect(body.limiters.map(({ id }: { id: string }) => id)).toEqual(
      expect.arrayContaining(['1m', 'sign-up/1h', 'login/15m', 'login-account/1h']),
    );
    await request(app.url).get('/ops').expect(308);
    await request(app.url)
      .get('/ops/')
      .expect(200)
      .expect('Content-Security-Policy', /script-src 'self'/);
  } finally {
    await app.stop();
  }
});

test('with OPS_ADMINS, /ops of the sample is for these users alone, whichever process they ask', async () => {
  const opsAdmins = ['nobody yet'];
  const app = await startApp({ opsAdmins });
  try {
    const { client, user } = await app.loggedIn();
    await client.get('/ops/api/state').expect(403);
    opsAdmins.push(user.id);
    const { body } = await client.get('/ops/api/state').expect(200);
    expect(body.actor).toBe(user.id);
    await request(app.url).get('/ops/api/state').expect(403);
    await client.post('/ops/api/cache/clear').send({}).expect(403);
    await client.post('/ops/api/cache/clear').set('X-Ops-Token', body.token).send({}).expect(200);
    await client
      .post('/ops/api/sessions/end')
      .set('X-Ops-Token', body.token)
      .send({ user: user.id })
      .expect(200);
    await client.get('/ops/api/state').expect(403);
  } finally {
    await app.stop();
  }
});
