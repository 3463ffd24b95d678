import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { closable } from '../../server/closable.js';

interface Listening {
  server: Server;
  port: number;
  close: () => Promise<void>;
  /** The response that the next request waits for. */
  nextResponse: () => Promise<ServerResponse>;
}

async function listen(timeoutMs = 10_000): Promise<Listening> {
  const server = createServer();
  const close = closable(server, { timeoutMs });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const nextResponse = async () => (await once(server, 'request'))[1] as ServerResponse;
  return { server, port: (server.address() as AddressInfo).port, close, nextResponse };
}

async function open(
  port: number,
): Promise<{ socket: Socket; received: () => string; ended: Promise<unknown> }> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  socket.on('error', () => {});
  const ended = new Promise((resolve) => socket.once('close', resolve));
  await once(socket, 'connect');
  return { socket, received: () => text, ended };
}

const GET = 'GET / HTTP/1.1\r\nHost: test\r\n\r\n';

test('a request in flight is finished, then its connection is closed', async () => {
  const { port, close, nextResponse } = await listen();
  const client = await open(port);
  const response = nextResponse();
  client.socket.write(GET);
  const res = await response;

  const closed = close();
  await expect(open(port)).rejects.toThrow(/ECONNREFUSED/);
  res.end('the whole answer');
  await Promise.all([closed, client.ended]);
  expect(client.received()).toMatch(/Connection: close[\s\S]*the whole answer/);
});

test('a response whose head is out is finished, then its connection is closed', async () => {
  const { port, close, nextResponse } = await listen();
  const client = await open(port);
  const response = nextResponse();
  client.socket.write(GET);
  const res = await response;
  res.write('first ');
  const closed = close();
  res.end('last');
  const start = performance.now();
  await Promise.all([closed, client.ended]);
  // Node alone would keep the connection for its keepAliveTimeout of 5 s.
  expect(performance.now() - start).toBeLessThan(1_000);
  expect(client.received()).toMatch(/first[\s\S]*last/);
});

test('idle connections are closed within a second, also those that never sent a request', async () => {
  const { server, port, close } = await listen();
  const silent = await open(port);
  const idle = await open(port);
  server.once('request', (_req, res) => res.end('answer'));
  idle.socket.write(GET);
  await expect.poll(idle.received).toContain('answer');

  const start = performance.now();
  await Promise.all([close(), silent.ended, idle.ended]);
  expect(performance.now() - start).toBeLessThan(1_000);
});

test('a request that takes too long is cut off', async () => {
  const { port, close, nextResponse } = await listen(50);
  const client = await open(port);
  const response = nextResponse();
  client.socket.write(GET);
  await response;
  await Promise.all([close(), client.ended]);
  expect(client.received()).toBe('');
});

test('of 40 kept-alive connections that have sent a request, none is reset: each is answered, as its last', async () => {
  const { server, port, close } = await listen();
  server.on('request', (_req, res) => res.end('answer'));
  const clients = await Promise.all(Array.from({ length: 40 }, () => open(port)));
  for (const { socket } of clients) socket.write(GET);
  await expect.poll(() => clients.every(({ received }) => received().includes('answer'))).toBe(true);
  for (const { socket } of clients) socket.write(GET);
  // In the same turn, so that the server has read none of them.
  await close();
  await Promise.all(clients.map(({ ended }) => ended));
  for (const { received } of clients) {
    expect(received().match(/answer/g)).toHaveLength(2);
    expect(received()).toMatch(/Connection: close[\s\S]*answer$/);
  }
});

test('a server that was busy all the time that it drains still answers what was sent', async () => {
  const { server, port, close } = await listen();
  server.on('request', (_req, res) => res.end('answer'));
  const client = await open(port);
  client.socket.write(GET);
  await expect.poll(client.received).toContain('answer');
  client.socket.write(GET);
  const closed = close();
  const began = performance.now();
  while (performance.now() - began < 400);
  await Promise.all([closed, client.ended]);
  expect(client.received().match(/answer/g)).toHaveLength(2);
});

test('requests that are pipelined are all answered, also those that arrive while the first is in flight', async () => {
  const { port, close, nextResponse } = await listen();
  const client = await open(port);
  const response = nextResponse();
  client.socket.write(GET);
  const first = await response;
  const closed = close();
  const later = nextResponse();
  client.socket.write(GET);
  const second = await later;
  first.end('first');
  second.end('second');
  await Promise.all([closed, client.ended]);
  expect(client.received()).toMatch(/first[\s\S]*Connection: close[\s\S]*second$/);
  expect(client.received().match(/Connection: close/g)).toHaveLength(1);
});
