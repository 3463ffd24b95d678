import { channel } from 'node:diagnostics_channel';
import { expect, onTestFinished, test } from 'vitest';
import { type DiagnosticName, publish as publishTyped } from '../../../src/diagnostics.js';
import { Counters } from '../../../src/operations/counters.js';
import { OTHERS } from '../../../src/operations/named-counts.js';
import { TopCounts } from '../../../src/operations/top-counts.js';
import { eventually } from '../../support/eventually.js';
import { printedSeed, random } from '../../support/random.js';

// Another version of this package may publish events with other fields.
const publish = (name: DiagnosticName, details: () => object) => publishTyped(name, details as never);

function counting(): Counters {
  const counters = new Counters();
  onTestFinished(() => counters.stop());
  return counters;
}

const refusal = (key: string, windowMs = 60_000) => ({
  key,
  blockedMs: 0,
  quotas: [{ name: 'login', windowMs, algorithm: 'sliding-window' }],
});

test('nobody listens to the decisions of a process before somebody looks, nor afterwards', async () => {
  const names = [
    'admitted',
    'refused',
    'hit',
    'miss',
    'session-loaded',
    'session-saved',
    'purged',
    'fallback',
  ];
  const listened = () => names.filter((name) => channel(`express-redis-toolkit:${name}`).hasSubscribers);
  // Files share a process: somebody may have looked a few seconds ago.
  await eventually('nobody looks', async () => listened().length === 0);
  const counters = new Counters();
  expect(listened()).toEqual(names);
  counters.stop();
  expect(listened()).toEqual([]);
});

test('a flood of names that clients invent takes bounded memory, and what comes often stays on top', () => {
  const counters = counting();
  for (let i = 0; i < 20_000; i++) {
    publish('refused', () => refusal(`invented-${i}`));
    publish('miss', () => ({ id: `GET:http://a.example/invented-${i}` }));
    if (i % 50 === 0) publish('refused', () => refusal('loud'));
    if (i > 19_000) publish('hit', () => ({ route: `/users/:id`, id: 'GET:http://a.example/users/7' }));
  }
  const { clients, routes, limits } = counters.counts();
  expect(clients.length).toBeLessThanOrEqual(20);
  expect(clients[0]).toMatchObject({ client: 'loud', limiter: 'login/1m' });
  expect(clients[0]!.refused).toBeGreaterThanOrEqual(400);
  expect(routes.length).toBeLessThanOrEqual(52);
  expect(routes.find(([route]) => route === OTHERS)?.[1].miss).toBe(19_950);
  // Invented paths leave room for a route that comes late.
  expect(routes.find(([route]) => route === '/users/:id')?.[1].hit).toBe(999);
  expect(limits).toEqual([['login/1m', { refused: 20_400 }]]);
});

test('a long name of a client is shortened', () => {
  const counters = counting();
  publish('refused', () => refusal('x'.repeat(100_000)));
  expect(JSON.stringify(counters.counts()).length).toBeLessThan(1_000);
});

test('an event that lacks its fields is counted, and breaks nothing', () => {
  const counters = counting();
  for (const name of ['admitted', 'refused', 'dry-run', 'hit', 'miss', 'session-saved', 'fallback'] as const)
    publish(name, () => ({}));
  expect(counters.counts()).toMatchObject({
    limits: [['?', { admitted: 1, refused: 2 }]],
    totals: { saved: 1 },
  });
});

test('a count of the most frequent names is never too low, and too high by the rarest one at most', () => {
  const { next } = random(printedSeed('top counts'));
  const exact = new Map<string, number>();
  const top = new TopCounts<undefined>(50);
  for (let i = 0; i < 20_000; i++) {
    const name = `n${Math.floor(next() ** 4 * 1_000)}`;
    exact.set(name, (exact.get(name) ?? 0) + 1);
    top.add(name, undefined);
  }
  const counted = top.most(50);
  const rarest = counted.at(-1)!.count;
  for (const { name, count } of counted) {
    expect(count).toBeGreaterThanOrEqual(exact.get(name)!);
    expect(count - exact.get(name)!).toBeLessThanOrEqual(rarest);
  }
  const [most] = [...exact].toSorted((a, b) => b[1] - a[1])[0]!;
  expect(counted[0]!.name).toBe(most);
});
