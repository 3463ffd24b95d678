import type { Variant } from './variants.js';

export interface Cell {
  readonly redis: 'near' | 'far';
  readonly connections: number;
}

export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly variants: readonly Variant[];
  readonly cells: readonly Cell[];
  readonly method?: 'GET' | 'POST';
  readonly paths: readonly string[];
  readonly status?: number;
  /** So many people have logged in, and requests carry their cookies. */
  readonly people?: number;
  /** No two requests in flight are of one person, address or path; the app is behind a proxy. */
  readonly strangers?: boolean;
  readonly numbered?: 'by connection' | 'by run';
  /** So many requests instead of a time. */
  readonly amount?: number;
  /** No request may reach the origin. */
  readonly allHits?: boolean;
  /** Is filled anew before each measurement; there is no other warm-up. */
  readonly entries?: { readonly path: string; readonly count: number };
  /** Uses the app in which everything is skipped. */
  readonly skipping?: boolean;
}

export const cellFor = (redis: Cell['redis'], connections: number): Cell => ({ redis, connections });
const near = (connections: number) => cellFor('near', connections);
const far = (connections: number) => cellFor('far', connections);
const EVERYWHERE = [near(64), near(1), far(1), far(64)];
const PEOPLE = 16;
const STRANGERS = 2_000;
const each = (path: string, count = PEOPLE) => Array.from({ length: count }, (_, id) => `${path}${id}`);

// The nth of so many URLs is asked for 1/n times as often as the first (log-uniform). Neighbours in the list are
// asked for at the same time, so the popular ones are spread over it.
const SPREAD = 1_237;
const popular = (path: string, count: number) =>
  Array.from({ length: count }, (_, turn) => {
    const rank = ((turn * SPREAD) % count) + 0.5;
    return `${path}${Math.floor(count ** (rank / count))}`;
  });
const manyTimes = (path: string, count: number) => Array.from({ length: count }, () => path);

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'strangers',
    title: 'cached GET with limiter and session, every request of a stranger',
    variants: ['peers', 'stack', 'separate', 'validated', 'send', 'end'],
    cells: [near(64)],
    paths: popular('/users/', STRANGERS),
    people: STRANGERS,
    strangers: true,
    allHits: true,
  },
  {
    name: 'observed',
    title: 'the same, nobody or somebody looking and listening',
    variants: ['stack', 'ops', 'watched', 'listened'],
    cells: [near(64)],
    paths: popular('/users/', STRANGERS),
    people: STRANGERS,
    strangers: true,
    allHits: true,
  },
  {
    name: 'strangers-write',
    title: 'POST that changes the session, every request of a stranger',
    variants: ['peers', 'stack', 'separate'],
    cells: [near(64)],
    method: 'POST',
    paths: manyTimes('/visits', STRANGERS),
    people: STRANGERS,
    strangers: true,
  },
  {
    name: 'strangers-limiter',
    title: 'limiter alone, every request of a stranger',
    variants: ['peers', 'stack', 'separate', 'send'],
    cells: [near(64)],
    paths: manyTimes('/limited', STRANGERS),
    strangers: true,
  },
  {
    name: 'session-hit',
    title: 'cached GET with limiter and session, shared questions',
    variants: ['peers', 'stack', 'separate', 'validated', 'tracked', 'send', 'end'],
    cells: EVERYWHERE,
    paths: each('/users/'),
    people: PEOPLE,
    allHits: true,
  },
  {
    name: 'hit',
    title: 'cached GET, cache alone, shared questions',
    variants: ['peers', 'stack', 'validated', 'tracked', 'send', 'end'],
    cells: [near(64)],
    paths: each('/cached/'),
    allHits: true,
  },
  {
    name: 'large',
    title: 'cached GET of 100 KB, cache alone, shared questions',
    variants: ['peers', 'stack', 'validated', 'tracked', 'send', 'end'],
    cells: [near(64)],
    paths: each('/large/'),
    allHits: true,
  },
  {
    name: 'session-write',
    title: 'POST that changes the session, 16 people',
    variants: ['peers', 'stack', 'separate'],
    cells: [near(64), far(1)],
    method: 'POST',
    // Each of the people changes a session of their own.
    paths: manyTimes('/visits', PEOPLE),
    people: PEOPLE,
  },
  {
    name: 'limiter',
    title: 'limiter alone, one client',
    variants: ['peers', 'stack', 'separate', 'send'],
    cells: [near(64), far(1)],
    paths: ['/limited'],
  },
  {
    name: 'over-limit',
    title: 'client over its limit',
    variants: ['peers', 'stack'],
    cells: [near(64)],
    paths: ['/refused'],
    status: 429,
  },
  {
    name: 'stampede',
    title: 'cold keys, 64 at once, origin of 10 ms',
    variants: ['peers', 'stack'],
    cells: [near(64)],
    paths: ['/cold/'],
    numbered: 'by connection',
  },
  {
    name: 'purge',
    title: 'one tag purged, 10,000 entries',
    variants: ['peers', 'stack'],
    cells: [near(1)],
    method: 'POST',
    paths: ['/tagged/purge'],
    amount: 1,
    entries: { path: '/tagged/', count: 10_000 },
  },
  {
    name: 'skip',
    title: 'everything mounted, nothing needed (404)',
    variants: ['peers', 'stack', 'send'],
    cells: [near(64)],
    paths: ['/static/missing.css'],
    status: 404,
    skipping: true,
  },
];
