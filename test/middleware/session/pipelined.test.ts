import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { patient } from '../../support/patient.js';
import { startProxy } from '../../support/proxy.js';
import { quiet, redisForFile } from '../support/redis-for-file.js';
import { data, serveSessions } from './support/session-client.js';

const file = redisForFile();

test('the responses to pipelined requests come in order, each after the save of its own session', async () => {
  const proxy = await startProxy(file.server.port);
  const redis = patient(connectRedis({ url: `redis://127.0.0.1:${proxy.port}`, logger: quiet }));
  onTestFinished(async () => {
    await closeRedis(redis, { timeoutMs: 100 });
    await proxy.close();
  });
  const { client, url } = await serveSessions({ redis, timeoutMs: 5_000 }, (app) => {
    app.get('/set/:name', (req, res) => {
      data(req)[req.params.name] = true;
      res.setHeader('X-Name', req.params.name);
      res.write('be');
      res.end('gun');
    });
    app.get('/show', (req, res) => void res.json({ ...data(req), cookie: undefined }));
  });
  const one = client();
  await one.get('/set/start');
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  await once(socket, 'connect');
  let arrived = 0;
  socket.on('data', (chunk) => {
    arrived += chunk.length;
  });
  const answers = text(socket);
  const ask = (path: string, end = 'keep-alive') =>
    `GET ${path} HTTP/1.1\r\nHost: x\r\nCookie: ${one.cookie}\r\nConnection: ${end}\r\n\r\n`;
  const asked = proxy.writes.length;
  proxy.freeze();
  socket.write(ask('/set/a') + ask('/set/b') + ask('/show', 'close'));
  await expect.poll(() => proxy.writes.length).toBeGreaterThan(asked);
  expect(arrived).toBe(0);
  proxy.thaw();
  const order = [...(await answers).matchAll(/X-Name: (\w)/g)].map(([, name]) => name);
  expect(order).toEqual(['a', 'b']);
  expect(JSON.parse((await one.get('/show')).text)).toEqual({ start: true, a: true, b: true });
});
