import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { freePort } from '../../src/testing/free-port.js';
import { eventually } from '../support/eventually.js';
import { childrenOf, isRunning } from '../support/system.js';
import { OWN_SERVICES, portOf, startOnSharedServices, startSample } from './support/sample-process.js';

test('in production it plants no demo users, starts nothing, and says little', async () => {
  const child = await startOnSharedServices({ NODE_ENV: 'production', SESSION_SECRET: 'x'.repeat(32) });
  const port = await portOf(child);
  expect(child.output()).toBe(`Listening on port ${port}\n`);
  expect(childrenOf(child.pid).filter(({ command }) => OWN_SERVICES.test(command))).toEqual([]);
  const response = await fetch(`http://localhost:${port}/users`);
  expect(await response.json()).toMatchObject({ users: [] });
  for (const path of ['/', '/page.js', '/page/commands'])
    expect((await fetch(`http://localhost:${port}${path}`)).status, path).toBe(404);
});

test.each(['SIGINT', 'SIGTERM'] as const)('%s ends it with code 0', async (signal) => {
  const child = await startOnSharedServices();
  await portOf(child);
  await child.kill(signal);
  expect(await child.exited).toEqual({ code: 0, signal: null });
});

test('SIGTERM ends the streams of events, and waits for nothing else', async () => {
  const child = await startOnSharedServices();
  const stream = await fetch(`http://localhost:${await portOf(child)}/users/events`);
  const text = stream.text();
  const began = performance.now();
  process.kill(child.pid, 'SIGTERM');
  expect(await text).toBe(': listening\n\n');
  expect(await child.exited).toEqual({ code: 0, signal: null });
  expect(performance.now() - began).toBeLessThan(5_000);
});

test('SIGTERM resets no request that is on its way: 40 kept-alive connections get their answers', async () => {
  const child = await startOnSharedServices();
  const port = await portOf(child);
  const clients = await Promise.all(Array.from({ length: 40 }, () => keepAliveClient(port)));
  const get = 'GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n';
  const answers = () => clients.map(({ text }) => text.split('HTTP/1.1 200').length - 1);
  for (const { socket } of clients) socket.write(get);
  await eventually('the first are answered', () => answers().every((count) => count === 1));
  process.kill(child.pid, 'SIGTERM');
  await eventually('it has heard the signal', () => child.output().includes('SIGTERM'), { everyMs: 1 });
  for (const { socket } of clients) socket.write(get);
  expect(await child.exited).toEqual({ code: 0, signal: null });
  await Promise.all(clients.map(({ ended }) => ended));
  expect(clients.filter(({ error }) => error)).toEqual([]);
  expect(answers()).toEqual(clients.map(() => 2));
});

async function keepAliveClient(port: number) {
  const socket = connect(port, 'localhost');
  const client = { socket, text: '', error: undefined as Error | undefined, ended: once(socket, 'close') };
  socket.on('data', (chunk) => {
    client.text += chunk;
  });
  socket.on('error', (error) => {
    client.error = error;
  });
  await once(socket, 'connect');
  return client;
}

test('with the settings of docker-compose.yml somebody can sign up and log in over plain HTTP', async () => {
  const compose = readFileSync(join(__dirname, '../../docker-compose.yml'), 'utf8');
  const app = /^ {2}app:\n([\s\S]*?)^ {2}\w/m.exec(compose)![1]!;
  const given = [...app.matchAll(/^ {6}([A-Z_]+): \$\{\1:-(.*)\}$/gm)].map(([, name, value]) => [
    name,
    value,
  ]);
  const child = await startOnSharedServices({
    NODE_ENV: 'production',
    SESSION_SECRET: 'x'.repeat(32),
    ...Object.fromEntries(given),
  });
  const url = `http://localhost:${await portOf(child)}`;
  const post = (path: string, body: object) =>
    fetch(url + path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'Content-Type': 'application/json' },
    });
  const credentials = { email: 'ann@example.com', password: 'a good password' };
  expect((await post('/users', { ...credentials, name: 'Ann' })).status).toBe(201);
  const login = await post('/auth/login', credentials);
  const cookie = login.headers.get('set-cookie')!;
  expect(cookie).not.toContain('Secure');
  const me = await fetch(`${url}/auth/me`, { headers: { Cookie: cookie.split(';')[0]! } });
  expect(await me.json()).toMatchObject({ email: credentials.email });
});

test('a second signal does not wait for the request in flight', async () => {
  const child = await startOnSharedServices();
  const socket = connect(await portOf(child), 'localhost');
  socket.on('error', () => {});
  const head = 'POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99';
  // The server answers 100 as soon as the request is in flight; its body never comes.
  socket.write(`${head}\r\nExpect: 100-continue\r\n\r\n`);
  await once(socket, 'data');

  process.kill(child.pid, 'SIGTERM');
  await eventually('it says what it waits for', () => child.output().includes('SIGTERM'));
  const began = performance.now();
  // It may have ended since the last signal.
  const signalled = setInterval(() => isRunning(child.pid) && process.kill(child.pid, 'SIGTERM'), 100);
  onTestFinished(() => clearInterval(signalled));
  expect((await child.exited).code).toBe(1);
  clearInterval(signalled);
  expect(performance.now() - began).toBeLessThan(3_000);
});

test.each([
  [
    { NODE_ENV: 'production', DATABASE_URL: 'postgres://x', SESSION_SECRET: 'x'.repeat(32) },
    'REDIS_URL is required',
  ],
  [{ PORT: 'eighty' }, 'PORT must be a number'],
  [{ TRUST_PROXY: 'yes' }, 'TRUST_PROXY must be'],
])('a bad setting is one line and exit code 1: %o', async (env, message) => {
  const child = await startSample(env);
  expect(await child.exited).toEqual({ code: 1, signal: null });
  expect(child.output()).toMatch(new RegExp(`^${message}.*\n$`));
});

test('a certificate that is not there is a line naming DATABASE_URL, and the Redis that was started is stopped', async () => {
  const child = await startSample({ DATABASE_URL: 'postgres://app:hunter2@127.0.0.1/app?sslcert=/nowhere' });
  expect(await child.exited).toEqual({ code: 1, signal: null });
  const [, pid] = /Redis: running on .* \(pid (\d+)\)\nDATABASE_URL: .*\/nowhere.*\n$/.exec(child.output())!;
  expect(isRunning(Number(pid))).toBe(false);
  expect(child.output()).not.toContain('hunter2');
});

test('a port in use is one line naming PORT, and exit code 1', async () => {
  const taken = createServer().listen(0);
  onTestFinished(() => void taken.close());
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const child = await startOnSharedServices({ PORT: `${port}` });
  expect(await child.exited).toEqual({ code: 1, signal: null });
  expect(child.output()).toMatch(new RegExp(`^PORT ${port} cannot be used.*\n$`));
});

test('a database that is not there is one line naming DATABASE_URL, without its password', async () => {
  const DATABASE_URL = `postgres://app:hunter2@127.0.0.1:${await freePort()}/app`;
  const child = await startSample({ REDIS_URL: inject('redisUrl'), DATABASE_URL });
  expect(await child.exited).toEqual({ code: 1, signal: null });
  expect(child.output()).toMatch(/^DATABASE_URL: .*\n$/);
  expect(child.output()).not.toContain('hunter2');
});
