import { createRequire } from 'node:module';
import express, { type ErrorRequestHandler, type Request, type RequestHandler } from 'express';
import { describe, expect, test, vi } from 'vitest';
import { cacheResponse } from '../../../middleware/cache/cache-response.js';
import type { RateLimitOptions } from '../../../middleware/rate-limit/options.js';
import { rateLimit } from '../../../middleware/rate-limit/rate-limit.js';
import { session } from '../../../middleware/session/session.js';
import { stack } from '../../../middleware/stack/stack.js';
import { eventually } from '../../support/eventually.js';
import { keyOf } from '../session/support/session-age.js';
import { clientOf, data, SECRET } from '../session/support/session-client.js';
import { quiet, redisForFile, serve } from '../support/redis-for-file.js';

const file = redisForFile();
const NAMES = ['session', 'sessionID', 'rateLimit'] as const;

const toolkit = { cacheResponse, rateLimit, session, stack };
type Toolkit = typeof toolkit;
type Mount = (kit: Toolkit, all: readonly RequestHandler[]) => readonly RequestHandler[];
const inStack: Mount = (kit, all) => [kit.stack(...all)];
const oneByOne: Mount = (_kit, all) => all;

const SEEN = { n: 1, hasId: true, used: 1 };

/** What somebody sees who looks at a request, in words that are the same for all clients. */
const look = (req: Request) => ({
  n: data(req)?.n,
  hasId: typeof req.sessionID === 'string' && req.sessionID === req.session?.id,
  used: (req as { rateLimit?: { used: number } }).rateLimit?.used,
});
/** The same, and whether it was there before the look. */
const find = (req: Request) => ({ own: namesOn(req).length === NAMES.length, ...look(req) });
const namesOn = (req: Request) => NAMES.filter((name) => Object.hasOwn(req, name));
const tellSeen: RequestHandler = (req, res) => void res.json(find(req));
const tellSeenAfterError: ErrorRequestHandler = (_error, req, res, _next) =>
  void res.status(500).json(find(req));

interface Scene {
  readonly mount: Mount;
  readonly kit?: Toolkit;
  readonly create?: typeof express;
  readonly before?: RequestHandler;
  readonly handler?: RequestHandler;
  readonly limit?: Partial<RateLimitOptions>;
  /** Called with the request by an option of each of the middlewares that have one. */
  readonly onCallback?: (name: 'keyGenerator' | 'key' | 'tags', req: Request) => void;
}

let scenes = 0;

/** A limiter, the session, a limiter that comes after it, the cache; and two routes without them. */
async function serveScene(scene: Scene) {
  const { mount, kit = toolkit, create = express, onCallback } = scene;
  const { before = (_req, _res, next) => next(), handler = tellSeen } = scene;
  const common = { redis: file.redis, logger: quiet, timeoutMs: 10_000 };
  const identifier = `scene-${++scenes}`;
  const sessions = kit.session({ ...common, secret: SECRET });
  const all = mount(kit, [
    kit.rateLimit({ ...common, limit: 100, identifier }),
    sessions,
    kit.rateLimit({
      ...common,
      limit: 100,
      identifier: `${identifier}-later`,
      keyGenerator: (req) => {
        onCallback?.('keyGenerator', req);
        return 'somebody';
      },
      ...scene.limit,
    }),
    kit.cacheResponse({
      ...common,
      ttlSeconds: 60,
      key: (req) => {
        onCallback?.('key', req);
        return identifier + req.originalUrl;
      },
      tags: (req) => {
        onCallback?.('tags', req);
        return [identifier];
      },
    }),
  ]);
  const app = create();
  app.use(before);
  app.get('/login', sessions, (req, res) => {
    data(req).n = 1;
    res.end(req.sessionID);
  });
  app.get('/plain', (req, res) => {
    const unset = NAMES.map((name) => typeof req[name as 'session']);
    for (const name of NAMES) req[name as 'sessionID'] = 'mine';
    res.json({ unset, set: NAMES.map((name) => Object.getOwnPropertyDescriptor(req, name)) });
  });
  app.get(/.*/, ...all, handler);
  app.use(tellSeenAfterError);
  const client = clientOf(await serve(app));
  const { text: id } = await client.get('/login');
  return {
    get: (path: string) => client.get(path),
    seen: async (path = '/') => JSON.parse((await client.get(path)).text),
    stored: () => file.redis.hget(keyOf(id), 'n'),
  };
}

const isHit = (headers: Headers) => /;\s*hit/.test(headers.get('cache-status') ?? '');

const mounts = [
  ['in a stack', inStack],
  ['one by one', oneByOne],
] as const;

describe.each(mounts)('middlewares %s', (_name, mount) => {
  test('callbacks of the options see the session and the quota', async () => {
    const last = new Map<string, unknown>();
    const app = await serveScene({ mount, onCallback: (name, req) => last.set(name, look(req)) });
    await app.get('/');
    expect(Object.fromEntries(last)).toEqual({ keyGenerator: SEEN, key: SEEN, tags: SEEN });
  });

  test('callbacks that derive an object from the request see the session, and set it', async () => {
    const last = new Map<string, unknown>();
    const app = await serveScene({
      mount,
      onCallback(name, req) {
        last.set(name, look(Object.create(req)));
        if (name === 'tags' && req.path === '/null' && req.session) Object.create(req).session = null;
      },
      handler: (req, res) => void res.json(req.session === null ? 'null' : look(req)),
    });
    expect(await app.seen('/null')).toBe('null');
    const seen = { n: 1, hasId: true, used: 2 };
    expect(await app.seen('/')).toEqual(seen);
    expect(Object.fromEntries(last)).toEqual({ keyGenerator: seen, key: seen, tags: seen });
  });

  test.each(['keyGenerator', 'key', 'tags'])(
    'a change that the option %s makes to the session is saved before the answer, also before a cached one',
    async (name) => {
      let n = 10;
      const onCallback: Scene['onCallback'] = (called, req) => {
        // In a stack the cache asks also before the session is there.
        if (called === name && req.session) data(req).n = n;
      };
      const app = await serveScene({ mount, onCallback });
      expect((await app.get('/')).status).toBe(200);
      expect(await app.stored()).toBe('10');
      await eventually('a hit', async () => {
        n++;
        const { headers } = await app.get('/');
        expect(await app.stored()).toBe(String(n));
        return isHit(headers);
      });
    },
  );

  test('the handler can change the session, take it away and give it back', async () => {
    const acts: Record<string, (req: Request) => void> = {
      changed: () => {},
      null: (req) => Object.assign(req, { session: null }),
      undefined: (req) => Object.assign(req, { session: undefined }),
      deleted: (req) => Reflect.deleteProperty(req, 'session'),
      'null in a callback': () => {},
      'back again': (req) => {
        const { session: own } = req;
        Object.assign(req, { session: null });
        req.session = own;
      },
    };
    const outcomes: Record<string, unknown> = {};
    for (const [what, act] of Object.entries(acts)) {
      const app = await serveScene({
        mount,
        onCallback: (name, req) => {
          if (what === 'null in a callback' && name === 'keyGenerator') Object.assign(req, { session: null });
        },
        handler: (req, res) => {
          if (req.session) data(req).n = 5;
          act(req);
          res.json(req.session === null ? 'null' : typeof req.session);
        },
      });
      outcomes[what] = [await app.seen(), await app.stored()];
    }
    expect(outcomes).toEqual({
      changed: ['object', '5'],
      null: ['null', '1'],
      undefined: ['undefined', '1'],
      deleted: ['undefined', '1'],
      'null in a callback': ['null', '1'],
      'back again': ['object', '5'],
    });
  });

  test('the handler finds session, sessionID and rateLimit as own, enumerable properties of the request', async () => {
    const handler: RequestHandler = (req, res) =>
      void res.json(NAMES.map((name) => Object.getOwnPropertyDescriptor(req, name)?.enumerable));
    expect(await (await serveScene({ mount, handler })).seen()).toEqual([true, true, true]);
  });

  test('a handler of refusals and an error handler find the same properties', async () => {
    const refused = await serveScene({
      mount,
      limit: { limit: 1, handler: (req, res) => tellSeen(req, res, () => {}) },
    });
    await refused.get('/1');
    expect(await refused.seen('/2')).toEqual({ own: true, ...SEEN, used: 2 });
    const failing = await serveScene({
      mount,
      onCallback: (name, req) => {
        if (name === 'tags' && req.originalUrl === '/bad') throw new Error('bad');
      },
    });
    expect(await failing.seen('/bad')).toEqual({ own: true, ...SEEN });
  });

  test('an earlier middleware finds the properties when a cached response is finished', async () => {
    const seen: unknown[] = [];
    const before: RequestHandler = (req, res, next) => {
      if (req.path === '/') res.on('finish', () => seen.push(look(req)));
      next();
    };
    const app = await serveScene({ mount, before });
    await eventually('a hit', async () => isHit((await app.get('/')).headers));
    await eventually('all are finished', () => seen.length > 1);
    expect(seen.at(-1)).toEqual({ n: 1, hasId: true, used: seen.length });
  });

  test('a request that passed none of the middlewares has no such property, and takes one as any object', async () => {
    const app = await serveScene({ mount });
    await app.get('/');
    const mine = { value: 'mine', writable: true, enumerable: true, configurable: true };
    expect(await app.seen('/plain')).toEqual({
      unset: ['undefined', 'undefined', 'undefined'],
      set: [mine, mine, mine],
    });
  });
});

test('a middleware between or behind the steps of a stack finds the properties set so far', async () => {
  const common = { redis: file.redis, logger: quiet, timeoutMs: 10_000 };
  const seen: unknown[] = [];
  const between: RequestHandler = (req, _res, next) => {
    seen.push(namesOn(req));
    next();
  };
  const limit = rateLimit({ ...common, limit: 100, identifier: `scene-${++scenes}` });
  const sessions = session({ ...common, secret: SECRET });
  const app = express();
  app.get('/behind', stack(sessions, limit), between, (_req, res) => res.end());
  app.get('/between', stack(sessions, between, limit), between, (_req, res) => res.end());
  app.get('/nested', stack(stack(sessions), between, stack(limit)), between, (_req, res) => res.end());
  const client = clientOf(await serve(app));
  for (const path of ['/behind', '/between', '/nested']) await client.get(path);
  const two = ['session', 'sessionID'];
  expect(seen).toEqual([NAMES, two, NAMES, two, NAMES]);
});

describe('req.session is a property as on any object', () => {
  const shapeIn = async (act: (req: Request) => unknown) => {
    let seen: unknown;
    const handler: RequestHandler = (req, res) => {
      seen = act(req);
      res.end();
    };
    await (await serveScene({ mount: inStack, handler })).get('/');
    return seen;
  };

  test("'session' in req is true behind the middleware, and false on a request without it", async () => {
    expect(await shapeIn((req) => NAMES.map((name) => name in req))).toEqual([true, true, true]);
    const app = express();
    app.get('/', (req, res) => void res.json(NAMES.map((name) => name in req)));
    expect(JSON.parse((await clientOf(await serve(app)).get('/')).text)).toEqual([false, false, false]);
    expect(NAMES.filter((name) => name in express.request)).toEqual([]);
  });

  test('delete req.session takes the property away at once, before anybody looked at it', async () => {
    const act = (req: Request) => [Reflect.deleteProperty(req, 'session'), 'session' in req, req.session];
    expect(await shapeIn(act)).toEqual([true, false, undefined]);
  });

  test('req.session can be set to null and back to the session', async () => {
    const act = (req: Request) => {
      const own = req.session;
      Object.assign(req, { session: null });
      const { session: none } = req;
      req.session = own;
      return [none, req.session === own];
    };
    expect(await shapeIn(act)).toEqual([null, true]);
  });
});

/** An Express that nobody else has. */
function expressOfItsOwn(): typeof express {
  const require = createRequire(__filename);
  for (const path of Object.keys(require.cache)) {
    if (/node_modules\/express\//.test(path)) delete require.cache[path];
  }
  return require('express');
}

async function anotherCopy(): Promise<Toolkit> {
  vi.resetModules();
  const [{ cacheResponse }, { rateLimit }, { session }, { stack }] = await Promise.all([
    import('../../../middleware/cache/cache-response.js'),
    import('../../../middleware/rate-limit/rate-limit.js'),
    import('../../../middleware/session/session.js'),
    import('../../../middleware/stack/stack.js'),
  ]);
  return { cacheResponse, rateLimit, session, stack };
}

/** All that the callbacks and the handler see of one request. */
async function seenIn(scene: Omit<Scene, 'mount'>) {
  const last = new Map<string, unknown>();
  const app = await serveScene({
    ...scene,
    mount: inStack,
    onCallback: (name, req) => last.set(name, look(req)),
  });
  const handler = await app.seen();
  return { app, seen: { ...Object.fromEntries(last), handler } };
}

const ALL_SEEN = { keyGenerator: SEEN, key: SEEN, tags: SEEN, handler: { own: true, ...SEEN } };

test('two copies of the toolkit work on one Express, also in one stack', async () => {
  const create = expressOfItsOwn();
  const copy = await anotherCopy();
  expect(copy.stack).not.toBe(stack);
  const kits = [
    toolkit,
    copy,
    { ...copy, stack },
    { ...toolkit, stack: copy.stack },
    { ...toolkit, session: copy.session },
  ];
  for (const kit of kits) expect((await seenIn({ create, kit })).seen).toEqual(ALL_SEEN);
});

test('a property of the same name on express.request stays as it is', async () => {
  const create = expressOfItsOwn();
  Object.assign(create.request, { session: null, rateLimit: 'theirs' });
  const { app, seen } = await seenIn({ create });
  expect(seen).toEqual(ALL_SEEN);
  expect((await app.seen('/plain')).unset).toEqual(['object', 'undefined', 'string']);
  expect(create.request).toMatchObject({ session: null, rateLimit: 'theirs' });
});

test.each([Object.freeze, Object.seal, Object.preventExtensions])(
  'the middlewares work on an express.request after %o',
  async (close) => {
    const create = expressOfItsOwn();
    close(create.request);
    expect((await seenIn({ create })).seen).toEqual(ALL_SEEN);
  },
);
