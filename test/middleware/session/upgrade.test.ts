import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { session } from '../../../middleware/session/session.js';
import { quiet, redisForFile, serve } from '../support/redis-for-file.js';
import { clientOf, data, SECRET } from './support/session-client.js';

const file = redisForFile();

/** A server whose sockets send the name of their user, and count their messages in the session. */
async function serveSockets(way: 'load' | 'as a middleware') {
  const sessions = session({ redis: file.redis, secret: SECRET, logger: quiet });
  const app = express();
  app.get('/login', sessions, (req, res) => {
    data(req).user = 'ann';
    res.end();
  });
  app.get('/show', sessions, (req, res) => void res.json(data(req).messages ?? 0));
  const server = createServer(app).listen(0, '127.0.0.1');
  const sockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', async (req, socket, head) => {
    // As in the example of `ws` for express-session.
    if (way === 'as a middleware') {
      const error = await new Promise((next) => sessions(req as never, {} as never, next));
      expect(error).toBeUndefined();
    }
    const loaded = way === 'load' ? await sessions.load(req) : (req as never as { session: object }).session;
    const own = loaded as { user?: string; messages?: number; save(): Promise<void> } | undefined;
    if (!own?.user) {
      socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(req, socket, head, (ws) => {
      ws.on('message', async () => {
        own.messages = (own.messages ?? 0) + 1;
        await own.save();
        ws.send(`${own.user} ${own.messages}`);
      });
    });
  });
  await once(server, 'listening');
  onTestFinished(() => {
    for (const ws of sockets.clients) ws.terminate();
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test.each(['load', 'as a middleware'] as const)(
  'a WebSocket has the session of its upgrade request: %s',
  async (way) => {
    const host = await serveSockets(way);
    const one = clientOf(`http://${host}`);
    await one.get('/login');
    const ws = new WebSocket(`ws://${host}`, { headers: { cookie: one.cookie } });
    await once(ws, 'open');
    ws.send('hello');
    expect(String((await once(ws, 'message'))[0])).toBe('ann 1');
    expect((await one.get('/show')).text).toBe('1');
  },
);

test.each(['', 'connect.sid=s%3Aforged.c2lnbmF0dXJl'])(
  'an upgrade request with the cookie "%s" has no session',
  async (cookie) => {
    const ws = new WebSocket(`ws://${await serveSockets('load')}`, { headers: { cookie } });
    const [, response] = await once(ws, 'unexpected-response');
    expect(response.statusCode).toBe(401);
    response.destroy();
  },
);

test('"load" in a request that has a session keeps what it changed', async () => {
  const sessions = session({ redis: file.redis, secret: SECRET, logger: quiet });
  const app = express();
  app.get('/count', sessions, async (req, res) => {
    data(req).count = Number(data(req).count ?? 0) + 1;
    res.json(data({ session: await sessions.load(req) } as never).count);
  });
  const client = clientOf(await serve(app));
  expect([(await client.get('/count')).text, (await client.get('/count')).text]).toEqual(['1', '2']);
});
