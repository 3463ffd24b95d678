import { once } from 'node:events';
import { Agent, get, IncomingMessage, type Server, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import express, { type Response } from 'express';
import { expect, onTestFinished, test } from 'vitest';
import { deferDestroy } from '../../../middleware/response/defer-destroy.js';
import { holdResponse } from '../../../middleware/response/hold.js';

function responseOn(socket: Socket): Response {
  const res = new ServerResponse(new IncomingMessage(socket));
  res.assignSocket(socket);
  onTestFinished(() => void socket.destroy());
  return res as Response;
}

test('a connection that has served many held responses can be destroyed', () => {
  const socket = new Socket();
  const res = responseOn(socket);
  for (let i = 0; i < 50_000; i++) deferDestroy(res)();
  socket.destroy();
  expect(socket.destroyed).toBe(true);
});

test('a socket is destroyed when the last of its held responses lets it, in whatever order they do', () => {
  for (const order of [
    [0, 1],
    [1, 0],
  ]) {
    const socket = new Socket();
    const res = responseOn(socket);
    const holds = [deferDestroy(res), deferDestroy(res)];
    socket.destroy();
    holds[order[0]!]!();
    expect(socket.destroyed).toBe(false);
    holds[order[1]!]!();
    expect(socket.destroyed).toBe(true);
  }
});

test('a response that was held at its beginning and at its end leaves a connection that can be destroyed', async () => {
  const app = express();
  app.use((_req, res, next) => {
    holdResponse(res, next, () => Promise.resolve());
    next();
  });
  app.use((_req, res) => {
    res.write('a');
    res.end('b');
  });
  const server: Server = app.listen(0);
  await once(server, 'listening');
  const agent = new Agent({ keepAlive: true });
  const { port } = server.address() as { port: number };
  const [answer] = (await once(get({ port, agent }), 'response')) as [IncomingMessage];
  await once(answer.resume(), 'end');
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
  agent.destroy();
});
