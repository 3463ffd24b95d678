import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import express from 'express';
import { expect, onTestFinished, test, vi } from 'vitest';
import { idempotent } from '../../../middleware/idempotent/idempotent.js';
import { redisForFile, serve } from '../support/redis-for-file.js';

vi.mock('../../../src/timers.js', () => import('../../support/fakeable-timers.js'));

const file = redisForFile();

test('a request whose content has not arrived after 30 seconds is answered 408, and its handler does not run', async () => {
  let runs = 0;
  const app = express();
  app.use(idempotent({ redis: file.redis, scope: () => 'ann' }), (_req, res) => {
    runs += 1;
    res.end();
  });
  const { port } = new URL(await serve(app));
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const socket = connect(Number(port), '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nIdempotency-Key: "k"\r\nContent-Length: 10\r\n\r\nhalf');
  const before = vi.getTimerCount();
  while (vi.getTimerCount() === before) await turn();
  let answer = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    answer += text;
  });
  await vi.advanceTimersByTimeAsync(29_999);
  for (let i = 0; i < 20; i++) await turn();
  expect(answer).toBe('');
  await Promise.all([once(socket, 'data'), vi.advanceTimersByTimeAsync(1)]);
  expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  expect(answer).toMatch(/^Connection: close\r$/m);
  expect(answer).toContain('"code":"IDEMPOTENCY_CONTENT_TIMEOUT"');
  expect(runs).toBe(0);
});
