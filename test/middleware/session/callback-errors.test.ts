import type { Express } from 'express';
import { expect, test } from 'vitest';
import { gate, redisForFile, throughProxy } from '../support/redis-for-file.js';
import { data, serveSessions } from './support/session-client.js';

const file = redisForFile();
const METHODS = ['reload', 'save', 'regenerate', 'destroy'] as const;

/** Handlers that do not wait for their session methods, while Redis does not answer. */
async function serveAndLose() {
  const { proxy, redis } = await throughProxy(file.server);
  const told: string[] = [];
  const heard = gate();
  const { client } = await serveSessions({ redis, timeoutMs: 150 }, (app: Express) => {
    app.get('/start', (req, res) => {
      data(req).start = 1;
      res.end();
    });
    app.get('/:method/:how', (req, res) => {
      const method = req.params.method as (typeof METHODS)[number];
      data(req).changed = method === 'save' || undefined;
      proxy.swallow();
      const tell = (error: unknown) => {
        told.push((error as { code?: string } | undefined)?.code ?? 'done');
        heard.open();
      };
      if (req.params.how === 'callback') req.session[method](tell);
      else void req.session[method]();
      res.send('sent');
    });
  });
  const one = client();
  await one.get('/start');
  return { one, told, heard };
}

// An unhandled rejection fails the run.
test.each(METHODS)(
  'a failed %s that the handler does not await causes no unhandled rejection',
  async (method) => {
    for (const how of ['callback', 'promise']) {
      const { one } = await serveAndLose();
      expect((await one.get(`/${method}/${how}`)).cookie).toBeUndefined();
      await new Promise(setImmediate);
    }
  },
);

test('a failed reload fails the response only if no callback received the error', async () => {
  const { one, told, heard } = await serveAndLose();
  expect(await one.get('/reload/callback')).toMatchObject({ status: 200, text: 'sent' });
  await heard.passed;
  expect(told).toEqual(['REDIS_UNAVAILABLE']);
  const other = await serveAndLose();
  expect((await other.one.get('/reload/promise')).status).toBe(503);
});

test('a handler whose callback ignores a failed save or destroy cannot answer 200', async () => {
  for (const method of ['save', 'destroy']) {
    const { one, told } = await serveAndLose();
    expect((await one.get(`/${method}/callback`)).status).toBe(503);
    expect(told).toEqual(['REDIS_UNAVAILABLE']);
  }
});
