import express, { type RequestHandler } from 'express';
import request from 'supertest';
import { expect, test } from 'vitest';
import { middlewareOf, stack } from '../../../middleware/stack/stack.js';
import type { Step } from '../../../middleware/stack/step.js';

interface Log {
  events: string[];
}

type Options = Pick<Step<unknown>, 'asksWhenFirst' | 'ends'>;

/** A middleware that notes when it is asked, and the answer with which it acts. */
function asking(log: Log, name: string, answer: () => unknown, options?: Options): RequestHandler {
  return middlewareOf<unknown>({
    ...options,
    ask() {
      log.events.push(`ask ${name}`);
      return answer();
    },
    async act(_req, _res, next, found) {
      log.events.push(`${name} acts on ${await Promise.resolve(found).catch(String)}`);
      next();
    },
  });
}

async function run(log: Log, ...all: RequestHandler[]): Promise<string[]> {
  log.events = [];
  const app = express();
  app.get('/', ...all, (_req, res) => void res.end());
  app.use(((error, _req, res, _next) => {
    log.events.push(String(error));
    res.end();
  }) as express.ErrorRequestHandler);
  await request(app).get('/').expect(200);
  return log.events;
}

const log: Log = { events: [] };
const a = asking(log, 'a', async () => 1);
const b = asking(log, 'b', async () => 2);
const ofOthers: RequestHandler = (_req, _res, next) => next();

test('a stack asks all questions before the first step acts, and each step gets its own answer', async () => {
  expect(await run(log, stack(a, b))).toEqual(['ask a', 'ask b', 'a acts on 1', 'b acts on 2']);
});

test('a middleware mounted alone asks once and acts', async () => {
  expect(await run(log, a, b)).toEqual(['ask a', 'a acts on 1', 'ask b', 'b acts on 2']);
});

test('a middleware that is mounted behind its stack asks a second time', async () => {
  expect(await run(log, stack(a), a)).toEqual(['ask a', 'a acts on 1', 'ask a', 'a acts on 1']);
});

test('a stack inside a stack asks its questions with the others', async () => {
  expect(await run(log, stack(stack(a, ofOthers), b))).toEqual([
    'ask a',
    'ask b',
    'a acts on 1',
    'b acts on 2',
  ]);
});

test('a step that charges is asked early only as the first of its stack', async () => {
  const charging = asking(log, 'charging', async () => 1, { asksWhenFirst: true });
  expect(await run(log, stack(charging, b))).toEqual([
    'ask charging',
    'ask b',
    'charging acts on 1',
    'b acts on 2',
  ]);
  expect(await run(log, stack(b, charging))).toEqual([
    'ask b',
    'b acts on 2',
    'ask charging',
    'charging acts on 1',
  ]);
  expect(await run(log, stack(ofOthers, charging))).toEqual(['ask charging', 'charging acts on 1']);
});

test('an answer that ends the request spares the later steps their questions', async () => {
  const ending = asking(log, 'ending', () => 'refused', { ends: (answer) => answer === 'refused' });
  expect(await run(log, stack(ending, b))).toEqual([
    'ask ending',
    'ending acts on refused',
    'ask b',
    'b acts on 2',
  ]);
});

test('a question that cannot be named yet is asked when its step acts', async () => {
  const later = asking(log, 'later', () => undefined);
  expect(await run(log, stack(a, later))).toEqual([
    'ask a',
    'ask later',
    'a acts on 1',
    'ask later',
    'later acts on undefined',
  ]);
});

test('a question that throws is asked again when its step acts, and its error goes to next', async () => {
  const throwing = asking(log, 'throwing', () => {
    throw new TypeError('req.user is not there yet');
  });
  expect(await run(log, stack(a, throwing))).toEqual([
    'ask a',
    'ask throwing',
    'a acts on 1',
    'ask throwing',
    'TypeError: req.user is not there yet',
  ]);
});

test('an answer that fails unheard, because the request ended before, is no unhandled rejection', async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', note);
  const failing = asking(log, 'failing', () => Promise.reject(new Error('Redis is unavailable')));
  const ending: RequestHandler = (_req, res) => void res.end();
  expect(await run(log, stack(ending, failing))).toEqual(['ask failing']);
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

test('a step hears who can change the request between its question and its act', async () => {
  const heard: string[] = [];
  const listening = () =>
    middlewareOf({
      ask: (_req, _res, before) => void heard.push(before),
      act: (_req, _res, next) => next(),
    });
  await run(log, listening());
  await run(log, stack(a, listening()));
  await run(log, stack(ofOthers, listening()));
  // The last two are asked again when they act, since they named no question.
  expect(heard).toEqual(['nobody', 'steps', 'nobody', 'others', 'nobody']);
});

// `next(undefined)` would let the request go on, past a limit or an authorization.
test.each<[string, RequestHandler]>([
  ['a step that rejects', middlewareOf({ ask: () => undefined, act: () => Promise.reject() })],
  ['a middleware that rejects', () => Promise.reject()],
  [
    'a middleware whose promise is of another library',
    // biome-ignore lint/suspicious/noThenProperty: see above
    () => ({ then: (_: unknown, reject: (reason?: unknown) => void) => reject() }) as never,
  ],
  [
    'a middleware that throws',
    () => {
      throw undefined;
    },
  ],
])('%s with nothing ends the request in an error', async (_, failing) => {
  expect(await run(log, stack(failing, a))).toEqual(['ask a', 'Error: a function threw undefined']);
});

test.each(['route', 'router'])('a middleware that throws %s does not direct Express', async (word) => {
  const failing: RequestHandler = () => Promise.reject(word);
  expect(await run(log, stack(failing, a))).toEqual(['ask a', `Error: a function threw ${word}`]);
});
