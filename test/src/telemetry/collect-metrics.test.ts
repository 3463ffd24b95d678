import {
  AggregationTemporality,
  type DataPoint,
  type Histogram,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import express from 'express';
import request from 'supertest';
import { expect, onTestFinished, test } from 'vitest';
import { cacheResponse } from '../../../middleware/cache/cache-response.js';
import { rateLimit } from '../../../middleware/rate-limit/rate-limit.js';
import { session } from '../../../middleware/session/session.js';
import { cacheAside } from '../../../src/cache-aside/index.js';
import { type DiagnosticName, publish } from '../../../src/diagnostics.js';
import { withLock } from '../../../src/locks/index.js';
import { collectMetrics } from '../../../src/telemetry/collect-metrics.js';
import { quiet, redisForFile, serve } from '../../middleware/support/redis-for-file.js';
import { eventually } from '../../support/eventually.js';

const file = redisForFile();
let prefixes = 0;

/** The metrics of the running test, read when asked for. */
function collected() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1e9 });
  const stop = collectMetrics({ meterProvider: new MeterProvider({ readers: [reader] }) });
  onTestFinished(stop);
  const all = async () => {
    exporter.reset();
    await reader.forceFlush();
    return exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics));
  };
  return {
    stop,
    all,
    /** The counts of a metric, by the value of one attribute. */
    async counts(name: string, attribute: string): Promise<Record<string, number>> {
      const metric = (await all()).find(
        ({ descriptor }) => descriptor.name === `express_redis_toolkit.${name}`,
      );
      const points = (metric?.dataPoints ?? []) as DataPoint<number | Histogram>[];
      const found: Record<string, number> = {};
      for (const { attributes, value } of points) {
        const key = String(attributes[`express_redis_toolkit.${attribute}`]);
        found[key] = (found[key] ?? 0) + (typeof value === 'number' ? value : value.count);
      }
      return found;
    },
  };
}

async function serveApp() {
  const prefix = `metrics-${++prefixes}:`;
  const common = { redis: file.redis, prefix, logger: quiet };
  const app = express();
  app.get(
    '/pages/:id',
    rateLimit({
      ...common,
      identifier: 'pages',
      limit: 600,
      skip: (req) => req.query.skip !== undefined,
      keyGenerator: () => 'me',
    }),
    cacheResponse({ ...common, ttlSeconds: 60 }),
    (_req, res) => void res.send('page'),
  );
  app.get(
    '/few',
    rateLimit({ ...common, identifier: 'few', limit: 2, keyGenerator: () => 'me' }),
    (_req, res) => void res.end(),
  );
  app.get('/login', session({ ...common, secret: 'x'.repeat(32) }), (req, res) => {
    Object.assign(req.session, { n: Math.random() });
    res.end();
  });
  return serve(app);
}

test('counts hits, misses, verdicts and sessions, with the names of the configuration', async () => {
  const metrics = collected();
  const url = await serveApp();
  await request(url).get('/pages/1');
  await eventually('a hit', async () =>
    (await request(url).get('/pages/1')).headers['cache-status']!.includes('hit'),
  );
  await request(url).get('/pages/2?skip');
  for (let i = 0; i < 3; i++) await request(url).get('/few');
  const { headers } = await request(url).get('/login');
  await request(url).get('/login').set('Cookie', String(headers['set-cookie']).split(';')[0]!);

  const cache = await metrics.counts('cache.requests', 'cache.result');
  expect(cache).toEqual({ miss: expect.any(Number), hit: 1 });
  expect(await metrics.counts('rate_limit.requests', 'rate_limit.result')).toMatchObject({
    refused: 1,
    skipped: 1,
  });
  expect(await metrics.counts('rate_limit.requests', 'rate_limit.name')).toMatchObject({ few: 3 });
  expect(await metrics.counts('session.operations', 'session.operation')).toEqual({
    create: 1,
    load: 1,
    save: 1,
  });
  expect((await metrics.counts('cache.entry.size', '')).undefined).toBe(cache.miss);
});

test('counts values and locks', async () => {
  const metrics = collected();
  const cache = cacheAside({ redis: file.redis, prefix: `values-${++prefixes}:` });
  for (let i = 0; i < 2; i++) await cache.getOrLoad('user:7', async () => 'ann', { ttlSeconds: 60 });
  await withLock(file.redis, 'report:7', { ttlMs: 1_000 }, async () => undefined);
  expect(await metrics.counts('value.requests', 'value.result')).toEqual({ miss: 1, hit: 1 });
  expect(await metrics.counts('value.stores', 'value.outcome')).toEqual({ stored: 1 });
  expect(await metrics.counts('lock.requests', 'lock.result')).toEqual({ acquired: 1 });
});

const limit = { identifier: 'api', by: 'redis', admitted: true, durationMs: 5 };
const cached = { fwd: 'uri-miss', stored: false, collapsed: false, durationMs: 5 };
const value = { key: 'k', stale: false, unavailable: false, durationMs: 5 };

// The words of the guide. A decision that no app makes at will is published here as it would be.
test.each<[string, string, Record<string, readonly [DiagnosticName, object][]>]>([
  [
    'rate_limit.requests',
    'rate_limit.result',
    {
      admitted: [['admitted', limit]],
      refused: [
        ['refused', { ...limit, admitted: false }],
        ['refused', { ...limit, admitted: false, by: 'process' }],
      ],
      skipped: [['uncounted', { identifier: 'api', reason: 'skipped' }]],
      unchecked: [['uncounted', { identifier: 'api', reason: 'redis-unavailable' }]],
      local: [['admitted', { ...limit, by: 'process' }]],
      dry_run_admitted: [['dry-run', limit]],
      dry_run_refused: [['dry-run', { ...limit, admitted: false }]],
    },
  ],
  [
    'rate_limit.refunds',
    'rate_limit.name',
    { api: [['refunded', { identifier: 'api', key: 'k', cost: 1 }]] },
  ],
  [
    'cache.requests',
    'cache.result',
    {
      hit: [['hit', { ...cached, fwd: undefined }]],
      near_hit: [['hit', { ...cached, fwd: undefined, detail: 'near' }]],
      stale_hit: [['miss', { ...cached, fwd: 'stale', detail: 'stale-if-error' }]],
      collapsed: [['miss', { ...cached, collapsed: true }]],
      revalidated: [['miss', { ...cached, fwd: 'stale' }]],
      miss: [
        ['miss', cached],
        ['miss', { ...cached, fwd: 'vary-miss' }],
        ['miss', { ...cached, fwd: undefined, detail: 'only-if-cached' }],
      ],
      bypass: [['bypassed', { ...cached, fwd: 'bypass' }]],
    },
  ],
  [
    'cache.invalidations',
    'cache.invalidation.kind',
    { tag: [['purged', { tags: ['a'] }]], all: [['purged', { tags: ['*'] }]] },
  ],
  [
    'session.operations',
    'session.result',
    {
      found: [['session-loaded', { found: true, durationMs: 5 }]],
      absent: [
        ['session-loaded', { found: false, durationMs: 5 }],
        ['session-saved', { outcome: 'absent', durationMs: 5 }],
      ],
      stored: [['session-saved', { outcome: 'created', durationMs: 5 }]],
      updated: [['session-saved', { outcome: 'updated', durationMs: 5 }]],
      conflict: [['session-saved', { outcome: 'conflict', durationMs: 5 }]],
      ended: [['session-destroyed', { handle: 'h' }]],
      lost: [['session-lost', { handle: 'h', reason: 'ended' }]],
    },
  ],
  [
    'idempotency.requests',
    'idempotency.result',
    {
      run: [['idempotency', { state: 'run', waitedMs: 0 }]],
      lost: [['idempotency', { state: 'lost', waitedMs: 5 }]],
    },
  ],
  [
    'value.requests',
    'value.result',
    {
      hit: [['value-hit', value]],
      stale_hit: [['value-hit', { ...value, stale: true }]],
      miss: [['value-miss', value]],
      bypass: [['value-miss', { ...value, unavailable: true }]],
    },
  ],
  [
    'lock.requests',
    'lock.result',
    { acquired: [['lock-acquired', { resource: 'r' }]], refused: [['lock-refused', { resource: 'r' }]] },
  ],
  [
    'fallbacks',
    'on_unavailable',
    { local: [['fallback', { middleware: 'rateLimit', onUnavailable: 'local', reason: 'OOM' }]] },
  ],
])('%s counts each event once, under the word of the guide', async (name, attribute, events) => {
  const metrics = collected();
  for (const [channel, event] of Object.values(events).flat()) publish(channel, () => event as never);
  const expected = Object.fromEntries(Object.entries(events).map(([word, { length }]) => [word, length]));
  expect(await metrics.counts(name, attribute)).toEqual(expected);
});

test('durations are in seconds, outages end, and neither methods nor errors add series', async () => {
  const metrics = collected();
  const request = { route: { path: '/users/:id' } };
  publish('admitted', () => limit as never, request);
  publish('miss', () => cached as never, { ...request, method: 'BREW-7' });
  publish('session-loaded', () => ({ handle: 'h', found: true, durationMs: 5 }));
  publish('value-loaded', () => ({ key: 'k', failed: true, durationMs: 5 }));
  publish('idempotency', () => ({ state: 'done', durationMs: 1, waitedMs: 5 }));
  publish('filled', () => ({ id: 'i', tags: [], bytes: 7, keepMs: 9, durationMs: 5 }));
  for (const server of ['a', 'b']) publish('unavailable', () => ({ server, cause: 'x' }));
  publish('recovered', () => ({ server: 'a', outageMs: 5 }));
  const all = await metrics.all();
  const points = (name: string) =>
    all.find(({ descriptor }) => descriptor.name === `express_redis_toolkit.${name}`)!.dataPoints;
  for (const timed of [
    'rate_limit.decision.duration',
    'cache.request.duration',
    'session.operation.duration',
    'idempotency.wait.duration',
    'value.load.duration',
    'redis.outage.duration',
  ])
    expect([timed, points(timed)]).toMatchObject([timed, [{ value: { sum: 0.005, count: 1 } }]]);
  expect(points('cache.entry.size')).toMatchObject([{ value: { sum: 7 } }]);
  expect(points('redis.unavailable.count')).toMatchObject([{ value: 1 }]);
  expect(points('rate_limit.requests')).toMatchObject([{ attributes: { 'http.route': '/users/:id' } }]);
  expect(points('cache.requests')).toMatchObject([
    { attributes: { 'http.route': '/users/:id', 'http.request.method': '_OTHER' } },
  ]);
  expect(points('value.load.duration')).toMatchObject([{ attributes: { 'error.type': '_OTHER' } }]);
});

test('what clients invent makes no further series', async () => {
  const metrics = collected();
  const url = await serveApp();
  const series = async () =>
    (await metrics.all()).flatMap(({ dataPoints }) => dataPoints as unknown[]).length;
  // Each result once.
  await request(url).get('/pages/first?a=1');
  await eventually('a hit', async () =>
    (await request(url).get('/pages/first?a=1')).headers['cache-status']!.includes('hit'),
  );
  const before = await series();
  for (let i = 0; i < 50; i++) await request(url).get(`/pages/${i}?a=${i}`).set('User-Agent', `agent ${i}`);
  expect(await series()).toBe(before);
});

test('names and units follow the conventions, and no attribute holds a key or an id', async () => {
  const metrics = collected();
  const url = await serveApp();
  await request(url).get('/pages/secret-page');
  await request(url).get('/login');
  const all = await metrics.all();
  expect(all.length).toBeGreaterThan(5);
  for (const { descriptor, dataPoints } of all) {
    expect(descriptor.name).toMatch(/^express_redis_toolkit(\.[a-z][a-z0-9_]*)+$/);
    expect(descriptor.name).not.toMatch(/_total|_ms\b/);
    expect(descriptor.unit).toMatch(/^(s|By|\{[a-z]+\})$/);
    for (const { attributes } of dataPoints) {
      expect(JSON.stringify(attributes)).not.toContain('secret-page');
      for (const name of Object.keys(attributes)) {
        expect(name).toMatch(
          /^(express_redis_toolkit(\.[a-z0-9_]+)+|http\.route|http\.request\.method|error\.type)$/,
        );
      }
    }
  }
});

test('nothing is counted after the end', async () => {
  const metrics = collected();
  const url = await serveApp();
  await request(url).get('/few');
  const before = await metrics.counts('rate_limit.requests', 'rate_limit.name');
  metrics.stop();
  await request(url).get('/few');
  expect(await metrics.counts('rate_limit.requests', 'rate_limit.name')).toEqual(before);
});
