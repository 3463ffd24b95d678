import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { forkTypeScript } from '../support/processes.js';
import { gate, redisForFile } from './redis-for-file.js';
import { clientOf, data, SECRET, serveSessions } from './session-client.js';

const file = redisForFile();
const ROUNDS = 50;

test('parallel requests that set different fields lose nothing', async () => {
  let bothLoaded = gate();
  let loaded = 0;
  const { client } = await serveSessions({ redis: file.redis }, (app) => {
    app.get('/start', (req, res) => {
      data(req).start = 1;
      res.end();
    });
    app.get('/set/:name', async (req, res) => {
      // Both have read the session before either writes.
      if (++loaded % 2 === 0) bothLoaded.open();
      await bothLoaded.passed;
      data(req)[req.params.name] = true;
      res.end();
    });
    app.get('/show', (req, res) => res.json(data(req)));
  });
  for (let round = 0; round < ROUNDS; round++) {
    bothLoaded = gate();
    const one = client();
    await one.get('/start');
    await Promise.all([one.get('/set/left'), one.get('/set/right')]);
    const { cookie: _, ...stored } = JSON.parse((await one.get('/show')).text);
    expect(stored).toEqual({ start: 1, left: true, right: true });
  }
});

test('nor do those of two processes', async () => {
  const env = { REDIS_URL: file.server.url, SECRET };
  const children = await Promise.all(
    [1, 2].map(() => forkTypeScript(join(__dirname, 'session-process.ts'), { env })),
  );
  onTestFinished(() => Promise.all(children.map((child) => child.kill())).then(() => {}));
  const [left, right] = await Promise.all(children.map((child) => child.call<string>('listen')));
  for (let round = 0; round < 10; round++) {
    const one = clientOf(left!);
    await one.get('/set?start=1');
    const other = clientOf(right!, one.cookie);
    const names = Array.from({ length: 10 }, (_, index) => `field${index}`);
    await Promise.all(names.map((name, index) => (index % 2 ? one : other).get(`/set?${name}=x`)));
    expect(Object.keys(JSON.parse((await one.get('/show')).text))).toEqual(expect.arrayContaining(names));
  }
});

test('a session destroyed during a slower request stays destroyed, and that request gives no cookie', async () => {
  let [loaded, destroyed] = [gate(), gate()];
  const { client } = await serveSessions({ redis: file.redis, cookie: { maxAge: 60_000 } }, (app) => {
    app.get('/start', (req, res) => {
      data(req).user = 'u';
      res.end();
    });
    app.get('/slow', async (req, res) => {
      data(req).user;
      loaded.open();
      await destroyed.passed;
      data(req).late = true;
      res.end('done');
    });
    app.get('/logout', async (req, res) => {
      await req.session.destroy();
      res.end();
    });
    app.get('/show', (req, res) => res.json(data(req)));
  });
  for (let round = 0; round < ROUNDS; round++) {
    [loaded, destroyed] = [gate(), gate()];
    const one = client();
    await one.get('/start');
    const slow = one.get('/slow');
    await loaded.passed;
    await one.get('/logout');
    destroyed.open();
    expect(await slow).toMatchObject({ text: 'done', cookie: undefined });
    expect(Object.keys(JSON.parse((await one.get('/show')).text))).toEqual(['cookie']);
  }
});
