import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import express from 'express';
import { beforeEach, expect, test } from 'vitest';
import { emptyRedis } from '../../support/empty-redis.js';
import { eventually } from '../../support/eventually.js';
import { redisForFile } from '../support/redis-for-file.js';
import { serveCached, serveRow } from './support/cache-client.js';

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

/** Sends what no HTTP client would. */
async function sendRaw(url: string, head: string, content = ''): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write(`${head}\r\nHost: ${new URL(url).host}\r\nConnection: close\r\n${content || '\r\n'}`);
  return await text(socket);
}

const valueIn = (answer: string) => answer.split('\r\n\r\n')[1];

test.each([
  ['in absolute form', 'http://any.example/thing'],
  ['with a fragment', '/thing#part'],
  ['with needless escapes', '/%74hing'],
])('a mutation of the URL reaches what is stored under it %s, and the reverse', async (_form, target) => {
  const tags = () => [];
  const app = await serveRow({ redis: file.redis, cache: { tags }, invalidate: { tags } });
  const disguised = async () => valueIn(await sendRaw(app.url, `GET ${target} HTTP/1.1`));
  const warm = async (value: string) => {
    await eventually('a hit', async () => (await app.get('/thing')).hit);
    expect([await disguised(), await disguised(), await app.value()]).toEqual([value, value, value]);
  };
  await warm('0');
  await app.patch('/thing');
  expect([await disguised(), await app.value()]).toEqual(['1', '1']);
  await warm('1');
  expect(valueIn(await sendRaw(app.url, `PATCH ${target} HTTP/1.1`))).toBe('2');
  expect([await disguised(), await app.value()]).toEqual(['2', '2']);
});

test('what a GET carries answers nobody else', async () => {
  const app = await serveCached({
    redis: file.redis,
    after: [express.json()],
    handler: (req, res) => void res.send(JSON.stringify(req.body?.evil ?? 'nothing')),
  });
  const content = 'Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{"evil":1}';
  expect(valueIn(await sendRaw(app.url, 'GET / HTTP/1.1', content))).toBe('1');
  expect(String((await app.get('/')).body)).toBe('"nothing"');
});

test('a parameter that the extended parser reads as an allowed one is no other', async () => {
  const app = await serveCached({
    redis: file.redis,
    before: (each) => each.set('query parser', 'extended'),
    cache: { queryParams: { allow: ['page'] } },
    handler: (req, res) => void res.json(req.query),
  });
  await app.get('/?page[]=2');
  await app.get('/?[page]=3');
  expect(String((await app.get('/')).body)).toBe('{}');
});
