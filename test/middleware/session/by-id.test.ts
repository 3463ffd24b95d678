import { expect, test } from 'vitest';
import { redisForFile } from '../support/redis-for-file.js';
import { data, serveSessions } from './support/session-client.js';

const file = redisForFile();

test('get reads a session by its id, without its system fields, and destroyById ends it', async () => {
  const { client, sessions } = await serveSessions(
    { redis: file.redis, user: (session) => (session as { name?: string }).name },
    (app) => {
      app.get('/login', (req, res) => {
        Object.assign(data(req), { name: 'ann', cart: { pens: 2 } });
        res.send(req.sessionID);
      });
      app.get('/show', (req, res) => void res.json(data(req).name ?? null));
    },
  );
  const one = client();
  const id = (await one.get('/login')).text;
  expect(await sessions.get(id)).toEqual({ name: 'ann', cart: { pens: 2 } });
  expect(await sessions.destroyById(id)).toBe(true);
  expect([await sessions.get(id), await sessions.destroyById(id)]).toEqual([undefined, false]);
  expect((await one.get('/show')).text).toBe('null');
  expect(await sessions.list('ann')).toEqual([]);
});

test.each(['', 7, undefined])('the id %j is refused by name', async (id) => {
  const { sessions } = await serveSessions({ redis: file.redis }, () => {});
  await expect(sessions.get(id as string)).rejects.toMatchObject({
    message: expect.stringContaining('"id"'),
  });
  await expect(sessions.destroyById(id as string)).rejects.toMatchObject({ code: 'OPTION_INVALID' });
});
