// The session holds the response only when code of the application can touch it. Whoever of the application comes first,
// its change of the session must be saved.
import express, { type ErrorRequestHandler, type RequestHandler } from 'express';
import { expect, test } from 'vitest';
import { cacheResponse } from '../../../middleware/cache/cache-response.js';
import { rateLimit } from '../../../middleware/rate-limit/rate-limit.js';
import { session } from '../../../middleware/session/session.js';
import { stack } from '../../../middleware/stack/stack.js';
import { quiet, redisForFile, serve } from '../support/redis-for-file.js';
import { clientOf, data, SECRET } from './support/session-client.js';

const file = redisForFile();
const common = () => ({ redis: file.redis, logger: quiet });
const note = (req: express.Request) => {
  data(req).noted = req.path;
};
const noting =
  <Result>(result: Result) =>
  (req: express.Request) => {
    note(req);
    return result;
  };
const notesAndEnds: RequestHandler = (req, res) => {
  note(req);
  res.end();
};
const notesAndGoesOn: RequestHandler = (req, _res, next) => {
  note(req);
  next();
};
const end: RequestHandler = (_req, res) => void res.send('handler');
const keepsEnd: RequestHandler = (_req, res, next) => {
  res.locals.end = res.end.bind(res);
  next();
};

const cached = (options: object) => cacheResponse({ ...common(), ttlSeconds: 60, ...options });
const refused = (options: object) =>
  rateLimit({ ...common(), identifier: `r${Math.random()}`, limit: 0, ...options });

const FIRST_OF_THE_APPLICATION: Record<string, () => { parts: RequestHandler[]; handler?: RequestHandler }> =
  {
    'the handler behind a stack': () => ({ parts: [], handler: notesAndEnds }),
    'a middleware inside the stack': () => ({ parts: [notesAndGoesOn] }),
    'a handler that ends by a method from before': () => ({
      parts: [keepsEnd],
      handler: (req, res) => {
        note(req);
        res.locals.end();
      },
    }),
    'the function for the tags of a cache': () => ({
      parts: [cached({ tags: noting([]) })],
    }),
    'the function for the key of a cache': () => ({
      parts: [cached({ key: noting('k') })],
    }),
    'the handler of a cache': () => ({ parts: [cached({})], handler: notesAndEnds }),
    'the function for the key of a limiter': () => ({
      parts: [refused({ limit: 5, keyGenerator: noting('k') })],
    }),
    'the handler for refused requests of a limiter': () => ({
      parts: [refused({ handler: notesAndEnds })],
    }),
    'the function for the message of a limiter': () => ({
      parts: [refused({ message: noting('slow down') })],
    }),
  };

test.each(Object.keys(FIRST_OF_THE_APPLICATION))(
  'a change of the session is saved before the response when the first code to touch it is %s',
  async (name) => {
    const { parts, handler = end } = FIRST_OF_THE_APPLICATION[name]!();
    const sessions = session({ ...common(), secret: SECRET });
    const app = express();
    app.get('/login', sessions, (req, res) => {
      data(req).user = 'u';
      res.end();
    });
    app.get('/show', sessions, (req, res) => void res.json(data(req).noted ?? null));
    app.get('/in-a-stack', stack(sessions, ...parts), handler);
    app.get('/apart', sessions, ...parts, handler);
    const url = await serve(app);
    for (const path of ['/in-a-stack', '/apart']) {
      const one = clientOf(url);
      await one.get('/login');
      await one.get(path);
      expect((await one.get('/show')).text).toBe(JSON.stringify(path));
    }
  },
);

test('an error handler can save the session of a request that failed inside a stack', async () => {
  const sessions = session({ ...common(), secret: SECRET });
  const app = express();
  app.get('/fails', stack(sessions, cached({ tags: () => 'no list' })), end);
  app.get('/show', sessions, (req, res) => void res.json(data(req).failed ?? null));
  const remember: ErrorRequestHandler = (error, req, res, _next) => {
    data(req).failed = error.code;
    res.status(500).end();
  };
  app.use(remember);
  const one = clientOf(await serve(app));
  await one.get('/fails');
  expect((await one.get('/show')).text).toBe('"CACHE_TAGS_INVALID"');
});

test('a hit of the cache behind a session sends the stored body, and the session is as before', async () => {
  const sessions = session({ ...common(), secret: SECRET });
  const app = express();
  app.get('/login', sessions, (req, res) => {
    data(req).user = 'u';
    res.end();
  });
  app.get('/cached', stack(sessions, cached({})), (_req, res) => void res.send('stored'));
  app.get('/show', sessions, (req, res) => void res.json(data(req).user ?? null));
  const one = clientOf(await serve(app));
  await one.get('/login');
  await one.get('/cached');
  const hit = await one.get('/cached');
  expect(hit).toMatchObject({ text: 'stored', cookie: undefined });
  expect(hit.headers.get('cache-status')).toMatch(/^toolkit;hit/);
  expect((await one.get('/show')).text).toBe('"u"');
});
