import express, { type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import { describe, expect, test } from 'vitest';
import { redisForFile, serve } from '../../support/redis-for-file.js';
import { clientOf, data } from '../support/session-client.js';
import { KINDS, sessionsOf } from '../support/session-kinds.js';
import { expectAlike, type Scene } from './support/compared.js';

const file = redisForFile();
const HOUR = 3_600_000;

describe('as on express-session, cookies and what is stored', () => {
  const asks = [['/act', '/act', '/write', '/act', '/write', '/read']];
  const act: RequestHandler = (_req, res) => void res.send('untouched');
  test.each<[string, object]>([
    ['nothing', {}],
    ['resave: false', { resave: false }],
    ['resave: true', { resave: true }],
    ['saveUninitialized', { saveUninitialized: true }],
    ['rolling', { rolling: true }],
    ['rolling and saveUninitialized', { rolling: true, saveUninitialized: true }],
    ['maxAge', { cookie: { maxAge: HOUR } }],
    ['maxAge and rolling', { cookie: { maxAge: HOUR }, rolling: true }],
    ['maxAge and saveUninitialized', { cookie: { maxAge: HOUR }, saveUninitialized: true }],
    ['a name', { name: 'my.sid' }],
    ['ids with all kinds of characters', { genid: () => `%é/ ;${Math.random()}` }],
  ])('with %s', (_name, options) => expectAlike(file, { options, asks, act }));
});

describe('as on express-session, req.session set to nothing', () => {
  const WAYS = { null: null, undefined, false: false, 0: 0 };
  const CASES = ['keep', 'destroy'].flatMap((unset) =>
    [...Object.keys(WAYS), 'deleted'].map((way) => ({ unset, way })),
  );
  test.each(CASES)('$way, unset: $unset', ({ unset, way }) =>
    expectAlike(file, {
      options: { unset },
      act: (req, res) => {
        data(req).count = 50;
        if (way === 'deleted') delete (req as { session?: unknown }).session;
        else (req as { session: unknown }).session = WAYS[way as keyof typeof WAYS];
        res.send(String(req.session));
      },
    }),
  );
});

describe('as on express-session, req.sessionID', () => {
  test.each([undefined, null, 7, 'the same'])('set to %s', (value) =>
    expectAlike(file, {
      act: (req, res) => {
        data(req).count = 50;
        (req as { sessionID: unknown }).sessionID = value === 'the same' ? req.sessionID : value;
        res.send(typeof req.sessionID);
      },
    }),
  );
});

describe('as on express-session, the app', () => {
  const scenes: Record<string, Scene> = {
    'has a req.session of its own before': {
      before: (app) =>
        app.use((req, _res, next) => {
          Object.assign(req, { session: { count: 5 } });
          next();
        }),
    },
    'wraps res.end and res.write, before and after': {
      before: (app) => app.use(wrapEnd),
      routes: (app) => app.use(wrapEnd),
      act: (req, res) => {
        data(req).count = 1;
        res.send('body');
      },
    },
    'keeps res.end from before it looks at the session': {
      act: (req, res) => {
        const end = res.end.bind(res) as (body: string) => void;
        data(req).count = 5;
        end('body');
      },
    },
    'looks at the session only in a res.end that it has wrapped': {
      routes: (app) =>
        app.use((req, res, next) => {
          const { end } = res;
          res.end = ((...args: [string, BufferEncoding]) => {
            if (req.path === '/act') data(req).count = 5;
            return end.apply(res, args);
          }) as typeof res.end;
          next();
        }),
      act: (_req, res) => void res.send('body'),
    },
    'begins the response before it looks at the session': {
      act: (req, res) => {
        res.write('a');
        if (req.get('cookie')) data(req).count = 5;
        res.end('b');
      },
    },
    'passes a request that inherits from the first': {
      act: (req, res) => {
        data(Object.create(req)).count = 8;
        res.end();
      },
    },
  };
  test.each(Object.entries(scenes))('%s', (_name, scene) => expectAlike(file, scene));

  test.each(KINDS)('has the session middleware twice, the second time in a mounted app: %s', async (kind) => {
    const sessions = sessionsOf(kind, file.redis);
    const below = express()
      .use(sessions)
      .get('/count', (req, res) => {
        data(req).count = (data(req).count ?? 0) + 1;
        res.send(String(data(req).count));
      });
    const one = clientOf(await serve(express().use(sessions).use('/below', below)));
    const { headers } = await one.get('/below/count');
    expect(headers.getSetCookie()).toHaveLength(1);
    expect((await one.get('/below/count')).text).toBe('2');
  });
});

function wrapEnd(_req: Request, res: Response, next: NextFunction): void {
  for (const name of ['end', 'write'] as const) {
    const method = res[name] as (...args: unknown[]) => never;
    res[name] = (...args: unknown[]) => method.apply(res, args);
  }
  next();
}
