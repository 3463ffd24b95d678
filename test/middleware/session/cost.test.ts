import type { Request, Response } from 'express';
import { expect, test } from 'vitest';
import type { SessionOptions } from '../../../middleware/session/options.js';
import { countedRedis } from '../support/counted-redis.js';
import { data, serveSessions } from './support/session-client.js';

interface Case {
  readonly what: string;
  readonly path: string;
  readonly withCookie?: boolean;
  readonly options?: Partial<SessionOptions>;
  readonly commands: readonly string[];
  readonly roundTrips: number;
}

const LOAD = 'evalsha';
const WRITE = 'evalsha';
const CASES: readonly Case[] = [
  { what: 'no cookie, session unread', path: '/nothing', commands: [], roundTrips: 0 },
  { what: 'no cookie, session read', path: '/read', commands: [], roundTrips: 0 },
  { what: 'a forged cookie', path: '/forged', commands: [], roundTrips: 0 },
  { what: 'read only', path: '/read', withCookie: true, commands: [LOAD], roundTrips: 1 },
  { what: 'cookie, session unread', path: '/nothing', withCookie: true, commands: [LOAD], roundTrips: 1 },
  { what: 'changed', path: '/set', withCookie: true, commands: [LOAD, WRITE], roundTrips: 2 },
  {
    what: 'changed, watching for conflicts',
    path: '/set',
    withCookie: true,
    options: { onConflict: 'fail' },
    commands: [LOAD, WRITE],
    roundTrips: 2,
  },
  { what: 'new', path: '/set', commands: [WRITE], roundTrips: 1 },
  {
    what: "new, in its user's list",
    path: '/set',
    options: { user: () => 'u' },
    commands: [WRITE, 'evalsha'],
    roundTrips: 1,
  },
  { what: 'destroyed', path: '/destroy', withCookie: true, commands: [LOAD, 'unlink'], roundTrips: 2 },
  // Two commands in one write: the old id and the new one lie in different slots of a Cluster, and no script may touch
  // both.
  {
    what: 'regenerated with data',
    path: '/regenerate',
    withCookie: true,
    commands: [LOAD, 'unlink', WRITE],
    roundTrips: 2,
  },
];

const ways: Record<string, (req: Request, res: Response) => unknown> = {
  nothing: (_req, res) => res.end(),
  forged: (_req, res) => res.end(),
  read: (req, res) => res.json(data(req).n ?? null),
  set: (req, res) => {
    data(req).n = (data(req).n ?? 0) + 1;
    res.end();
  },
  destroy: (req, res) => void req.session.destroy(() => res.end()),
  regenerate: (req, res) => {
    void req.session.regenerate(() => {
      data(req).n = 1;
      res.end();
    });
  },
};

test.each(CASES)(
  'a request costs $roundTrips round trips to Redis: $what',
  async ({ path, withCookie, options, commands, roundTrips }) => {
    const counted = await countedRedis();
    const { client } = await serveSessions({ redis: counted.redis, ...options }, (app) => {
      app.get('/:way', (req, res) => ways[req.params.way]!(req, res));
    });
    // From here on Redis knows the scripts.
    for (const way of Object.keys(ways)) {
      const other = client();
      await other.get('/set');
      await other.get('/set');
      await other.get(`/${way}`);
    }
    // The connection keeps the order of commands: after this answer no earlier command is in flight.
    await client().get('/set');
    const one = client(path === '/forged' ? 'connect.sid=s%3Aforged.c2lnbmF0dXJl' : '');
    if (withCookie) await one.get('/set');
    const cost = await counted.costOf(() => one.get(path));
    expect(cost).toEqual({ commands, writes: roundTrips, packets: roundTrips });
  },
);
