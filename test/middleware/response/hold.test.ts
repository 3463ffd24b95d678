import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import express, { type RequestHandler } from 'express';
import { expect, test } from 'vitest';
import { holdResponse } from '../../../middleware/response/hold.js';
import { serve } from '../support/redis-for-file.js';
import { askHeld, type Handler, roundTrip } from './support/hold-client.js';

const ways: Record<string, Handler> = {
  send: (_req, res) => res.send('body'),
  json: (_req, res) => res.json({ a: 1 }),
  redirect: (_req, res) => res.redirect('/elsewhere'),
  sendStatus: (_req, res) => res.sendStatus(304),
  write: (_req, res) => {
    res.write('a');
    res.write(Buffer.from('b'), () => res.end('c'));
  },
  flushHeaders: (_req, res) => {
    res.flushHeaders();
    res.end('flushed');
  },
  'writeHead with an object': (_req, res) => {
    res.writeHead(201, 'Made', { 'Set-Cookie': ['a=1', 'b=2'], 'X-One': '1' });
    res.end('x');
  },
  'writeHead with a list': (_req, res) => {
    res.writeHead(201, ['X-One', '1', 'Location', '/there'] as never).end('x');
  },
  pipe: (_req, res) => Readable.from(['a', 'b', 'c'].map((letter) => letter.repeat(50_000))).pipe(res),
  sendFile: (_req, res) => res.sendFile(__filename),
};

test.each(Object.keys(ways))('%s: nothing goes out before it is settled, then all of it', async (way) => {
  const direct = express();
  direct.use(ways[way]! as RequestHandler);
  const expected = await fetch(await serve(direct), { redirect: 'manual' });
  const held = await askHeld(ways[way]!);
  await roundTrip();
  expect(held.answered()).toBe(false);
  held.settling.open();
  const { status, headers, text: body } = await held.answer;
  expect(status).toBe(expected.status);
  expect(body).toBe(await expected.text());
  expect(headers['set-cookie']).toEqual([...expected.headers.getSetCookie(), 'late=1']);
  for (const name of ['content-type', 'location', 'x-one', 'etag', 'content-length']) {
    expect(headers[name] ?? null).toBe(expected.headers.get(name));
  }
});

test.each(Object.keys(ways))('%s: when settling fails the error alone is the answer', async (way) => {
  const { settling, answer } = await askHeld(ways[way]!);
  settling.fail(new Error('not settled'));
  const { status, headers, text: body } = await answer;
  expect({ status, body }).toEqual({ status: 500, body: '{"error":"not settled"}' });
  expect(headers).not.toHaveProperty('set-cookie');
  expect(headers).not.toHaveProperty('x-one');
  expect(headers).not.toHaveProperty('location');
});

test('HEAD is held as well', async () => {
  const { settling, answer, answered } = await askHeld((_req, res) => res.send('body'), { method: 'HEAD' });
  await roundTrip();
  expect(answered()).toBe(false);
  settling.open();
  expect(await answer).toMatchObject({ status: 200, text: '', headers: { 'content-length': '4' } });
});

test('an error after the end does not start a second response', async () => {
  const { settling, answer } = await askHeld((_req, res) => {
    res.send('first');
    res.on('error', () => {});
    expect(res.headersSent).toBe(true);
  });
  settling.open();
  expect(await answer).toMatchObject({ status: 200, text: 'first' });
});

test('of two ends the first counts', async () => {
  const { settling, answer } = await askHeld((_req, res) => {
    res.end('one');
    res.end('two');
    res.write('three');
  });
  settling.open();
  expect(await answer).toMatchObject({ status: 200, text: 'one' });
});

test('writeHead with pairs keeps every cookie', async () => {
  const { settling, answer } = await askHeld((_req, res) => {
    res.writeHead(201, ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2'] as never).end();
  });
  settling.open();
  expect((await answer).headers['set-cookie']).toEqual(['a=1', 'b=2', 'late=1']);
});

test('a stream of small chunks flows on through a compressing wrapper mounted before', async () => {
  const lines = Array.from({ length: 500 }, (_, index) => `${index} ${'x'.repeat(100)}\n`);
  const { settling, answer } = await askHeld((_req, res) => Readable.from(lines).pipe(res), {
    outer: gzipLate,
  });
  settling.open();
  expect((await answer).headers).toMatchObject({ 'content-encoding': 'gzip' });
});

test('a file that is longer than any buffer arrives whole', async () => {
  const { settling, answer } = await askHeld((_req, res) =>
    createReadStream(process.execPath, { end: 5_000_000 }).pipe(res),
  );
  settling.open();
  expect((await answer).text.length).toBeGreaterThan(1_000_000);
});

// As the package `compression` does: `drain` is listened to on the compressing stream, not on the response.
const gzipLate: RequestHandler = (_req, res, next) => {
  const { write, end, on } = res;
  const gzip = createGzip();
  gzip
    .on('data', (chunk) => write.call(res, chunk, 'utf8'))
    .on('end', () => end.call(res, undefined, 'utf8'));
  res.setHeader('Content-Encoding', 'gzip');
  res.write = ((chunk: Buffer) => gzip.write(chunk)) as typeof res.write;
  res.end = ((chunk?: Buffer) => (chunk ? gzip.end(chunk) : gzip.end()) && res) as typeof res.end;
  res.on = ((name: string, listener: () => void) =>
    name === 'drain' ? gzip.on(name, listener) && res : on.call(res, name, listener)) as typeof res.on;
  next();
};

test('it settles once for a response in one piece, and again at the end of one that began before', async () => {
  const moments: object[] = [];
  const app = express();
  app.use((_req, res, next) => {
    holdResponse(res, next, (moment) => void moments.push(moment));
    next();
  });
  app.get('/whole', (_req, res) => void res.send('x'));
  app.get('/parts', (_req, res) => {
    res.write('x');
    res.write('y');
    res.end();
  });
  const url = await serve(app);
  await fetch(`${url}/whole`);
  expect(moments).toEqual([{ isEnd: true, headSent: false }]);
  await fetch(`${url}/parts`);
  expect(moments.slice(1)).toEqual([
    { isEnd: false, headSent: false },
    { isEnd: true, headSent: true },
  ]);
});
