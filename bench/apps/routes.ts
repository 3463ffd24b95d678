import { setTimeout as sleep } from 'node:timers/promises';
import express, { type Express } from 'express';
import { jsonOf, SESSION } from './content.js';
import type { Kit, Origin } from './kit.js';

const NEVER_REACHED = 1_000_000_000;
const SLOW_ORIGIN_MS = 10;

/** The routes of all variants; `onOrigin` hears of each call that no cache has saved. */
export function routes(kit: Kit, onOrigin: () => void): Express {
  const app = express();
  if (kit.ops) app.use('/ops', kit.ops);
  const small = jsonOf(1_000);
  const large = jsonOf(100_000);
  const counted =
    (load: Origin): Origin =>
    (id) => {
      onOrigin();
      return load(id);
    };
  const limit = kit.limiter(NEVER_REACHED);
  const sessions = kit.sessions();
  const answerSmall = (_req: express.Request, res: express.Response) => kit.answer(res, small);

  app.post('/login', sessions, (req, res) => {
    Object.assign(req.session, SESSION);
    res.end();
  });

  const user = kit.cached(counted(() => small));
  app.get('/users/:id', ...kit.mount(limit, sessions, ...user.before), user.handler);

  app.post('/visits', ...kit.mount(limit, sessions), (req, res) => {
    const visitor = req.session as unknown as { visits: number };
    visitor.visits += 1;
    kit.answer(res, small);
  });

  app.get('/limited', ...kit.mount(limit), answerSmall);
  app.get('/refused', ...kit.mount(kit.limiter(5)), answerSmall);

  const alone: readonly [string, Origin, string?][] = [
    ['/cached/:id', () => small],
    ['/large/:id', () => large],
    ['/cold/:id', () => sleep(SLOW_ORIGIN_MS, small)],
    ['/tagged/:id', () => small, 'tagged'],
  ];
  for (const [path, load, tag] of alone) {
    const { before, handler } = kit.cached(counted(load), tag);
    app.get(path, ...before, handler);
  }
  app.post('/tagged/purge', kit.purge('tagged'), answerSmall);
  return app;
}

/** All four mounted, and a path that needs none of them. */
export function routesWithSkip(kit: Kit): Express {
  const app = express();
  const skip = (path: string) => path.startsWith('/static/');
  for (const one of kit.mount(kit.limiter(NEVER_REACHED, skip), kit.sessions())) app.use(one);
  const { before, handler } = kit.cached(() => jsonOf(1_000));
  app.get('/users/:id', ...before, handler);
  app.patch('/users/:id', kit.purge('users'), (_req, res) => void res.end());
  return app;
}
