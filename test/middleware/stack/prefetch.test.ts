import express, { type RequestHandler } from 'express';
import request from 'supertest';
import { expect, test } from 'vitest';
import { takePrefetched, withPrefetch } from '../../../middleware/stack/prefetch.js';
import { stack } from '../../../middleware/stack/stack.js';

interface Log {
  events: string[];
}

/** A middleware with a prefetch that notes when it is asked, and what it gets. */
function asking(log: Log, name: string, answer: () => unknown, options?: { onlyWhenFirst: boolean }) {
  const handler: RequestHandler = async (req, _res, next) => {
    const prefetched = takePrefetched<Promise<unknown>>(req, handler);
    log.events.push(
      `${name} ${prefetched === undefined ? 'asks itself' : `got ${await prefetched.catch(String)}`}`,
    );
    next();
  };
  return withPrefetch(
    handler,
    () => {
      log.events.push(`${name} asked early`);
      return answer();
    },
    options,
  );
}

async function run(log: Log, ...all: RequestHandler[]): Promise<string[]> {
  const app = express();
  app.get('/', ...all, (_req, res) => void res.end());
  await request(app).get('/').expect(200);
  return log.events;
}

test('in a stack all are asked before the first runs; each gets its own answer', async () => {
  const log: Log = { events: [] };
  const [a, b] = [asking(log, 'a', async () => 1), asking(log, 'b', async () => 2)];
  expect(await run(log, stack(a, b))).toEqual(['a asked early', 'b asked early', 'a got 1', 'b got 2']);
});

test('without a stack nobody is asked early', async () => {
  const log: Log = { events: [] };
  expect(
    await run(
      log,
      asking(log, 'a', async () => 1),
    ),
  ).toEqual(['a asks itself']);
});

test('an answer is given out once: mounted again later, a middleware asks anew', async () => {
  const log: Log = { events: [] };
  const a = asking(log, 'a', async () => 1);
  expect(await run(log, stack(a), a)).toEqual(['a asked early', 'a got 1', 'a asks itself']);
});

test('whose question charges somebody is asked early only when it comes first', async () => {
  const log: Log = { events: [] };
  const charging = asking(log, 'charging', async () => 1, { onlyWhenFirst: true });
  const other = asking(log, 'other', async () => 2);
  expect(await run(log, stack(charging, other))).toEqual([
    'charging asked early',
    'other asked early',
    'charging got 1',
    'other got 2',
  ]);
  log.events = [];
  expect(await run(log, stack(other, charging))).toEqual([
    'other asked early',
    'other got 2',
    'charging asks itself',
  ]);
});

test('a question that cannot be named yet is asked when its turn comes', async () => {
  const log: Log = { events: [] };
  const throwing = asking(log, 'a', () => {
    throw new TypeError('req.user is not there yet');
  });
  expect(await run(log, stack(throwing))).toEqual(['a asked early', 'a asks itself']);
  log.events = [];
  expect(await run(log, stack(asking(log, 'b', () => undefined)))).toEqual([
    'b asked early',
    'b asks itself',
  ]);
});

test('a failure nobody waits for, because the request ended earlier, is not unhandled', async () => {
  const log: Log = { events: [] };
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', note);
  const failing = asking(log, 'a', () => Promise.reject(new Error('Redis is unavailable')));
  const ending: RequestHandler = (_req, res) => void res.end();
  await run(log, stack(ending, failing));
  await new Promise((resolve) => setTimeout(resolve, 20));
  process.off('unhandledRejection', note);
  expect(log.events).toEqual(['a asked early']);
  expect(unhandled).toEqual([]);
});
