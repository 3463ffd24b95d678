import { Readable } from 'node:stream';
import express, { type Response } from 'express';
import { expect, test } from 'vitest';
import { holdResponse } from '../../../middleware/response/hold.js';
import { ask } from '../cache/support/cache-client.js';
import { tellError } from '../session/support/session-client.js';
import { gate, serve } from '../support/redis-for-file.js';
import { askHeld, roundTrip } from './support/hold-client.js';

const theError = { status: 500, text: '{"error":"not settled"}' };

test('what a handler goes on writing after the error was answered is lost, and harms nobody', async () => {
  const more = gate();
  const { settling, answer } = await askHeld(async (_req, res) => {
    res.write('one');
    await more.passed;
    res.write('two');
    res.end('three');
  });
  settling.fail(new Error('not settled'));
  settling.passed.catch(() => process.nextTick(more.open));
  expect(await answer).toMatchObject(theError);
});

test('nor what it writes in the very moment of the answer', async () => {
  const { settling, answer } = await askHeld((_req, res) => res.write('one'), {
    onError(error, _req, res, _next) {
      res.status(500).json({ error: error.message });
      res.write('two');
      res.end('three');
    },
  });
  settling.fail(new Error('not settled'));
  expect(await answer).toMatchObject(theError);
});

test('a stream that flows on does not reach the answer of an error handler that takes its time', async () => {
  const failed = gate();
  async function* source() {
    yield 'one';
    await failed.passed;
    yield 'two';
  }
  const { settling, answer } = await askHeld((_req, res) => Readable.from(source()).pipe(res), {
    async onError(error, _req, res, _next) {
      failed.open();
      for (let i = 0; i < 5; i++) await roundTrip();
      res.status(500).json({ error: error.message });
    },
  });
  settling.fail(new Error('not settled'));
  expect(await answer).toMatchObject(theError);
});

test.each<[string, (res: Response) => unknown]>([
  ['status', (res) => res.status(500).json({ error: 'not settled' })],
  ['writeHead', (res) => res.writeHead(500).end(theError.text)],
])(
  'nor does what a handler writes take the place of the answer, by %s, of an error handler that takes its time',
  async (_name, answers) => {
    const failed = gate();
    const ended = gate();
    const { settling, answer } = await askHeld(
      async (_req, res) => {
        res.write('one');
        await failed.passed;
        res.end('two');
        ended.open();
      },
      {
        async onError(_error, _req, res, _next) {
          failed.open();
          await ended.passed;
          answers(res);
        },
      },
    );
    settling.fail(new Error('not settled'));
    expect(await answer).toMatchObject(theError);
  },
);

test('what a held call throws goes to the error handler, not to the process', async () => {
  const { settling, answer } = await askHeld((_req, res) => res.end({ not: 'a chunk' } as never));
  settling.open();
  expect(await answer).toMatchObject({ status: 500, text: expect.stringContaining('ERR_INVALID_ARG_TYPE') });
});

test('what was appended to the list of an earlier middleware is taken back too', async () => {
  const app = express();
  app.use((_req, res, next) => {
    res.setHeader('X-List', ['earlier']);
    holdResponse(res, next, () => (res.statusCode === 200 ? Promise.reject(new Error('no')) : undefined));
    next();
  });
  app.get('/', (_req, res) => void res.appendHeader('X-List', 'handler').end('x'));
  app.use(tellError);
  const reply = await ask(await serve(app), '/');
  expect(reply.status).toBe(500);
  expect(reply.headers['x-list']).toBe('earlier');
});
