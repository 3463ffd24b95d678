import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { cleanUp, closable } from '../../server/shutdown.js';

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

test('idle connections are closed at once, also those that never sent a request', async () => {
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

test('cleaning up goes on after a step that fails, in order, and says so', async () => {
  const done: string[] = [];
  const lines: string[] = [];
  const steps = [
    async () => done.push('pool'),
    async () => {
      throw new Error('no answer');
    },
    async () => done.push('services'),
  ];
  expect(await cleanUp(steps, (line) => lines.push(line))).toBe(false);
  expect(done).toEqual(['pool', 'services']);
  expect(lines).toEqual(['shutdown: no answer']);
  expect(await cleanUp([async () => {}], () => {})).toBe(true);
});
