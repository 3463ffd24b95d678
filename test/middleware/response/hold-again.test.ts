import express from 'express';
import { expect, test } from 'vitest';
import { forwards } from '../../support/forwards.js';
import { serve } from '../support/redis-for-file.js';
import { askHeld, type Handler } from './support/hold-client.js';

// What a handler does after its answer, while that is held. Without the hold the first answer has left, and the rest
// fails or changes nothing.
const afterwards: Record<string, Handler> = {
  'answers again, longer': (_req, res) => {
    res.status(401).json({ error: 'no' });
    res.json({ secret: 'much longer than the first answer' });
  },
  'answers again, shorter': (_req, res) => {
    res.status(401).json({ error: 'no', detail: 'long enough to be cut' });
    res.status(400).json({});
  },
  'sets the status': (_req, res) => {
    res.status(401).send('x');
    res.statusCode = 500;
  },
  'goes on to the next handler': (_req, res) => {
    res.status(401).send('x');
    _req.next?.();
  },
  'writes another head': (_req, res) => {
    res.writeHead(401);
    expect(() => res.writeHead(500)).toThrow(expect.objectContaining({ code: 'ERR_HTTP_HEADERS_SENT' }));
    res.end('x');
  },
  'sets a header': (_req, res) => {
    res.status(401).write('x');
    expect(() => res.setHeader('X-Late', '1')).toThrow(
      expect.objectContaining({ code: 'ERR_HTTP_HEADERS_SENT' }),
    );
    res.end();
  },
  throws: (_req, res) => {
    res.status(401).send('x');
    throw new Error('after the answer');
  },
  'rejects later': async (_req, res) => {
    res.status(401).send('x');
    await new Promise((resolve) => setImmediate(resolve));
    throw new Error('after the answer');
  },
};

test.each(Object.entries(afterwards))(
  'a handler that %s has given its first answer',
  async (_name, handler) => {
    // Express' own error handling, which cuts the connection of a response that has begun.
    const { settling, answer } = await askHeld(handler, {
      onError: (error, _req, _res, next) => next(error),
    });
    const first = express();
    first.use(forwards(handler)).use(((_error, _req, _res, next) => next()) as express.ErrorRequestHandler);
    const expected = await (await fetch(await serve(first))).text().catch(() => undefined);
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    settling.open();
    const { status, text, headers } = await answer;
    expect(status).toBe(401);
    expect(headers['set-cookie']).toEqual(['late=1']);
    if (expected !== undefined) expect(text).toBe(expected);
  },
);

test('a middleware that asks for the implicit head while it is held gets no error', async () => {
  // As compression up to 1.7 does with each `write` and `end` until the head is on its way.
  const { settling, answer } = await askHeld((_req, res) => {
    const implicit = res as typeof res & { _implicitHeader(): void };
    res.status(201).write('a');
    implicit._implicitHeader();
    res.write('b');
    implicit._implicitHeader();
    res.end('c');
  });
  settling.open();
  expect(await answer).toMatchObject({ status: 201, text: 'abc' });
});
