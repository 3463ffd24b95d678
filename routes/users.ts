import { type Request, type RequestHandler, Router } from 'express';
import { cacheResponse, invalidateOn } from '../middleware/cache/index.js';
import type { SessionMiddleware } from '../middleware/session/index.js';
import { stack } from '../middleware/stack/index.js';
import type { RedisClient } from '../src/redis/index.js';
import { Problem } from './problem.js';
import { loggedInUser, requireLogin } from './require-login.js';
import { streamUserEvents } from './stream-user-events.js';
import type { UserEvents } from './user-events.js';
import { newUser, page, userChanges, userId } from './user-input.js';
import { EmailTakenError, type UserRepository } from './user-repository.js';
import { parse, validBody } from './validate.js';

export interface UsersRouterDeps {
  users: UserRepository;
  redis: RedisClient;
  events: UserEvents;
  limit: RequestHandler;
  signUpLimit: RequestHandler;
  sessions: SessionMiddleware;
}

const listTags = () => ['users'];
// PostgreSQL takes a UUID in either case, so both must lead to the same tag.
const userTags = (req: Request) => [`user:${String(req.params.id).toLowerCase()}`];

/** Everybody may read and sign up. Who is logged in may change or delete their own record. */
export function usersRouter(deps: UsersRouterDeps): Router {
  const router = Router();
  addReading(router, deps);
  addSignUp(router, deps);
  addOwnRecord(router, deps);
  return router;
}

// No handler of a GET reads req.session: its answer is stored and given to everybody.
function addReading(router: Router, { users, redis, events, limit, sessions }: UsersRouterDeps): void {
  const cached = (tags: typeof userTags) => cacheResponse({ redis, ttlSeconds: 60, tags });

  router.get('/', stack(limit, sessions, cached(listTags)), async (req, res) => {
    res.json(await users.list(parse(page, req.query, 'query')));
  });

  // In front of /:id, which would take it for a user.
  router.get('/events', limit, streamUserEvents({ events }));

  router.get('/:id', stack(limit, sessions, cached(userTags)), async (req, res) => {
    const { id } = parse(userId, req.params, 'path');
    res.json(await found(users.get(id)));
  });
}

function addSignUp(router: Router, { users, redis, events, limit, signUpLimit }: UsersRouterDeps): void {
  // Validated before the purge begins, so that a bad request marks nothing as changing.
  router.post(
    '/',
    stack(limit, signUpLimit),
    validBody(newUser),
    invalidateOn({ redis, tags: listTags }),
    async (req, res) => {
      const user = await freeEmail(users.create(req.body));
      void events.tell({ type: 'created', id: user.id });
      res.status(201).location(`${req.baseUrl}/${user.id}`).json(user);
    },
  );
}

function addOwnRecord(router: Router, { users, redis, events, limit, sessions }: UsersRouterDeps): void {
  const purge = invalidateOn({ redis, tags: (req) => [...listTags(), ...userTags(req)] });
  const owner = stack(limit, sessions, requireLogin(users), requireOwner);

  router.patch('/:id', owner, validBody(userChanges), purge, async (req, res) => {
    const user = await found(freeEmail(users.patch(loggedInUser(req).id, req.body)));
    // Until the purge is done nobody is served the older value, so whoever is told may read at once.
    void events.tell({ type: 'changed', id: user.id });
    res.json(user);
  });

  router.delete('/:id', owner, purge, async (req, res) => {
    // Sessions first: if that fails nobody was deleted, and the client can try again.
    const { id } = loggedInUser(req);
    await sessions.destroyAll(id);
    if (!(await users.delete(id))) throw noSuchUser();
    void events.tell({ type: 'deleted', id });
    res.status(204).end();
  });
}

const requireOwner: RequestHandler = (req, _res, next) => {
  const { id } = parse(userId, req.params, 'path');
  if (id !== loggedInUser(req).id)
    throw new Problem(403, 'Only the user may change or delete their own record.');
  next();
};

const noSuchUser = () =>
  new Problem(404, 'There is no user with this id.', {
    errors: [{ field: 'id', message: 'belongs to no user' }],
  });

async function found<T>(looking: Promise<T | undefined>): Promise<T> {
  const user = await looking;
  if (user === undefined) throw noSuchUser();
  return user;
}

async function freeEmail<T>(writing: Promise<T>): Promise<T> {
  try {
    return await writing;
  } catch (error) {
    if (!(error instanceof EmailTakenError)) throw error;
    const errors = [{ field: 'email', message: 'is already taken' }];
    throw new Problem(409, 'Another user has this email.', { errors });
  }
}
