import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Express } from 'express';
import type { Redis } from 'ioredis';
import request from 'supertest';
import { expect, onTestFinished, test } from 'vitest';
import { ipKeyGenerator } from '../../../middleware/rate-limit/client-address.js';
import { clientForFile } from '../../support/client-for-file.js';
import { limitedApp } from './support/limited-app.js';

let redis: Redis;
clientForFile((own) => {
  redis = own;
});

test.each([
  ['203.0.113.7', '203.0.113.7'],
  ['203.0.113.7:51234', '203.0.113.7'],
  ['203.0.113.7:', '203.0.113.7'],
  ['::ffff:203.0.113.7', '203.0.113.7'],
  ['[::ffff:203.0.113.7]:51234', '203.0.113.7'],
  ['2001:db8:1:23ff::1', '2001:db8:1:2300::/56'],
  ['2001:db8:1:23ff:ffff::9', '2001:db8:1:2300::/56'],
  ['[2001:db8:1:23ff::1]:51234', '2001:db8:1:2300::/56'],
  ['[2001:db8:1:23ff::1]', '2001:db8:1:2300::/56'],
  // Without brackets a port is recognised where it cannot be a part of the address.
  ['2001:db8:1:23ff::1:51234', '2001:db8:1:2300::/56'],
  ['2001:db8:1:23ff:0:0:0:1:443', '2001:db8:1:2300::/56'],
  ['fe80::1%eth0', 'fe80::/56'],
  // IPv4 clients as a network without IPv4 sees them (RFC 6052).
  ['64:ff9b::203.0.113.7', '203.0.113.7'],
  ['[64:ff9b::cb00:7107]:443', '203.0.113.7'],
  ['[fe80::1%eth0]:80', 'fe80::/56'],
  ['not an address', 'not an address'],
  ['unknown:80', 'unknown:80'],
  ['', 'unknown address'],
  [undefined, 'unknown address'],
])('%s is the client %s', (ip, key) => {
  expect(ipKeyGenerator(ip)).toBe(key);
});

test('the IPv6 subnet can be chosen, or switched off', () => {
  expect(ipKeyGenerator('2001:db8:1:23ff::1', 64)).toBe('2001:db8:1:23ff::/64');
  expect(ipKeyGenerator('2001:db8:1:23ff::1', false)).toBe('2001:db8:1:23ff::1');
});

test.each([
  [[7], 'RATE_LIMIT_KEY_MISSING', 'argument "ip" must be a string such as req.ip, not a number'],
  [[{}], 'RATE_LIMIT_KEY_MISSING', 'not an object'],
  [['203.0.113.7', 129], 'OPTION_INVALID', 'argument "ipv6Subnet" must be a whole number of bits'],
  [['203.0.113.7', 0], 'OPTION_INVALID', 'or false'],
  [['203.0.113.7', '64'], 'OPTION_INVALID', 'or false'],
])('ipKeyGenerator refuses the arguments %o', (given, code, message) => {
  expect(() => ipKeyGenerator(...(given as [string, number]))).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(message) }),
  );
});

const trusting = (trust: unknown) => (app: Express) => void app.set('trust proxy', trust);

test.each([
  ['IPv4 addresses', '203.0.113.7:50001', '203.0.113.7:50002', '203.0.113.8:50001'],
  ['IPv6 addresses', '[2001:db8:1::1]:50001', '[2001:db8:1::1]:50002', '[2001:db8:2::1]:50001'],
])('%s with ports in X-Forwarded-For are one client per address', async (_name, ...addresses) => {
  const [first, again, other] = addresses as [string, string, string];
  const { app } = limitedApp({ redis, limit: 1 }, undefined, trusting(1));
  const statusFor = async (address: string) =>
    (await request(app).get('/').set('X-Forwarded-For', address)).status;
  expect([await statusFor(first), await statusFor(again), await statusFor(other)]).toEqual([200, 429, 200]);
});

test('a trusted proxy whose entry has a port is not taken for the client', async () => {
  const { app } = limitedApp({ redis, limit: 1 }, undefined, trusting('loopback, 10.0.0.0/8'));
  const statusFor = async (forwarded: string) =>
    (await request(app).get('/').set('X-Forwarded-For', forwarded)).status;
  expect(await statusFor('203.0.113.7:1, 10.0.0.5:2')).toBe(200);
  expect(await statusFor('203.0.113.8:1, 10.0.0.5:2')).toBe(200);
  expect(await statusFor('203.0.113.7:3, 10.0.0.6:4')).toBe(429);
  // An entry in front of the client's is the client's own word.
  expect(await statusFor('198.51.100.1:1, 203.0.113.7:3, 10.0.0.6:4')).toBe(429);
});

/** Serves on a unix socket, where no request has an address. */
async function onUnixSocket(app: Express) {
  const path = join(tmpdir(), `limiter-${process.pid}-${Date.now()}.sock`);
  const server = createServer(app).listen(path);
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return (headers = '') =>
    new Promise<number>((resolve, reject) => {
      const socket = connect(path, () => {
        socket.write(`GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n`);
      });
      let text = '';
      socket.on('data', (chunk) => (text += chunk)).on('error', reject);
      socket.on('close', () => resolve(Number(text.split(' ')[1])));
    });
}

test('requests without an address share one limit, and the cure is logged once', async () => {
  const { app, codes } = limitedApp({ redis, limit: 2 });
  const get = await onUnixSocket(app);
  expect([await get(), await get(), await get()]).toEqual([200, 200, 429]);
  expect(codes()).toEqual(['RATE_LIMIT_ADDRESS_MISSING']);
});

test('behind a proxy on a unix socket the trusted X-Forwarded-For names the client', async () => {
  const { app, codes } = limitedApp({ redis, limit: 1 }, undefined, trusting(1));
  const get = await onUnixSocket(app);
  const from = (address: string) => get(`X-Forwarded-For: ${address}\r\n`);
  expect([await from('203.0.113.7'), await from('203.0.113.8'), await from('203.0.113.7')]).toEqual([
    200, 200, 429,
  ]);
  expect(codes()).toEqual([]);
});

test('requests of clients that have gone are limited together, and do not end in an error', async () => {
  const errors: unknown[] = [];
  let handled = 0;
  const { app, codes, limiter } = limitedApp({ redis, limit: 3 }, (_req, res) => {
    handled++;
    res.end();
  });
  app.use(((error, _req, _res, _next) => void errors.push(error)) as import('express').ErrorRequestHandler);
  // The client is gone before the limiter looks at its address.
  const late: RequestListener = (req, res) => {
    req.socket.destroy();
    setImmediate(() => app(req, res));
  };
  const server = createServer(late).listen(0);
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  for (let i = 0; i < 5; i++) {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'close');
  }
  await expect.poll(async () => (await limiter.peek('unknown address')).used).toBe(3);
  expect(handled).toBe(3);
  expect(errors).toEqual([]);
  expect(codes()).toEqual([]);
});
