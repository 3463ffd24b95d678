import type { Attributes, Meter } from '@opentelemetry/api';
import type { DiagnosticEvents, DiagnosticName } from '../diagnostics.js';
import type { CacheEvent } from '../request-events.js';

const PREFIX = 'express_redis_toolkit';
// Those of the database conventions (db.client.operation.duration).
const BUCKETS = { advice: { explicitBucketBoundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10] } };
const METHODS = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'CONNECT',
  'QUERY',
]);

type Recorders = { readonly [Name in DiagnosticName]?: (event: DiagnosticEvents[Name]) => void };

/** One recorder per channel that counts. Durations are in seconds, as the conventions demand. */
export function instrumentsOf(meter: Meter): Recorders {
  return {
    ...limitRecorders(meter),
    ...cacheRecorders(meter),
    ...sessionRecorders(meter),
    ...workRecorders(meter),
  };
}

function limitRecorders(meter: Meter): Recorders {
  const requests = counter(meter, 'rate_limit.requests', 'request', 'Requests that a limiter met.');
  const decisions = duration(meter, 'rate_limit.decision.duration', 'The time of a decision of a limiter.');
  const refunds = counter(meter, 'rate_limit.refunds', 'request', 'Requests whose charge was given back.');
  const decided = (result: string) => (event: DiagnosticEvents['admitted']) => {
    const by = event.by === 'process' && event.admitted ? 'local' : result;
    const attributes = { ...named('rate_limit.name', event.identifier), ...named('rate_limit.result', by) };
    requests.add(1, { ...attributes, ...routeAttribute(event) });
    decisions.record(event.durationMs / 1000, attributes);
  };
  return {
    admitted: decided('admitted'),
    refused: decided('refused'),
    'dry-run': (event) => decided(event.admitted ? 'dry_run_admitted' : 'dry_run_refused')(event),
    refunded: (event) =>
      refunds.add(1, { ...named('rate_limit.name', event.identifier), ...routeAttribute(event) }),
    uncounted(event) {
      const result = event.reason === 'skipped' ? 'skipped' : 'unchecked';
      const name = named('rate_limit.name', event.identifier);
      requests.add(1, { ...name, ...named('rate_limit.result', result), ...routeAttribute(event) });
    },
  };
}

function cacheRecorders(meter: Meter): Recorders {
  const requests = counter(meter, 'cache.requests', 'request', 'Requests that a cache met.');
  const lookups = duration(
    meter,
    'cache.request.duration',
    'The time from the arrival at the cache to the head.',
  );
  const sizes = meter.createHistogram(`${PREFIX}.cache.entry.size`, {
    unit: 'By',
    description: 'Stored bodies.',
  });
  const invalidations = counter(meter, 'cache.invalidations', 'invalidation', 'Invalidations by Redis.');
  const met = (resultOf: (event: CacheEvent) => string) => (event: CacheEvent) => {
    const result = named('cache.result', resultOf(event));
    requests.add(1, { ...result, ...routeAttribute(event), ...methodOf(event) });
    if (event.durationMs !== undefined) lookups.record(event.durationMs / 1000, result);
  };
  return {
    hit: met(({ detail }) => (detail === 'near' ? 'near_hit' : 'hit')),
    miss: met(resultOfMiss),
    bypassed: met(resultOfMiss),
    filled: (event) => sizes.record(event.bytes),
    purged: (event) =>
      invalidations.add(1, named('cache.invalidation.kind', event.tags.includes('*') ? 'all' : 'tag')),
  };
}

function resultOfMiss({ fwd, collapsed, detail }: CacheEvent): string {
  if (detail === 'stale-if-error') return 'stale_hit';
  if (collapsed) return 'collapsed';
  return fwd === 'bypass' ? 'bypass' : fwd === 'stale' ? 'revalidated' : 'miss';
}

function sessionRecorders(meter: Meter): Recorders {
  const operations = counter(meter, 'session.operations', 'operation', 'Operations on sessions.');
  const times = duration(meter, 'session.operation.duration', 'The time of an operation on a session.');
  const done = (operation: string, result: string, durationMs?: number) => {
    const attributes = { ...named('session.operation', operation), ...named('session.result', result) };
    operations.add(1, attributes);
    if (durationMs !== undefined) times.record(durationMs / 1000, attributes);
  };
  return {
    'session-loaded': (event) => done('load', event.found ? 'found' : 'absent', event.durationMs),
    'session-saved': ({ outcome, durationMs }) =>
      outcome === 'created' ? done('create', 'stored', durationMs) : done('save', outcome, durationMs),
    'session-destroyed': () => done('destroy', 'ended'),
    'session-lost': () => done('save', 'lost'),
  };
}

function workRecorders(meter: Meter): Recorders {
  const attempts = counter(meter, 'idempotency.requests', 'request', 'Requests with an Idempotency-Key.');
  const waits = duration(
    meter,
    'idempotency.wait.duration',
    'The time for which a request waited for the answer to an earlier one.',
  );
  const values = counter(meter, 'value.requests', 'request', 'Values that cacheAside was asked for.');
  const stored = counter(meter, 'value.stores', 'value', 'Values that were loaded or given to set.');
  const loads = duration(meter, 'value.load.duration', 'The time of a function given to getOrLoad.');
  const locks = counter(meter, 'lock.requests', 'request', 'Calls of withLock.');
  const fallbacks = counter(
    meter,
    'fallbacks',
    'request',
    'Requests that a middleware served without Redis.',
  );
  const outages = duration(meter, 'redis.outage.duration', 'The time of an outage of Redis.');
  const available = meter.createUpDownCounter(`${PREFIX}.redis.unavailable.count`, {
    unit: '{server}',
    description: 'Servers that do not answer at the moment.',
  });
  return {
    idempotency(event) {
      const attributes = { ...named('idempotency.result', event.state), ...routeAttribute(event) };
      attempts.add(1, attributes);
      if (event.waitedMs > 0) waits.record(event.waitedMs / 1000, attributes);
    },
    'value-hit': (event) => values.add(1, named('value.result', event.stale ? 'stale_hit' : 'hit')),
    'value-miss': (event) => values.add(1, named('value.result', event.unavailable ? 'bypass' : 'miss')),
    'value-stored': (event) => stored.add(1, named('value.outcome', event.outcome)),
    'value-loaded': (event) =>
      loads.record(event.durationMs / 1000, event.failed ? { 'error.type': '_OTHER' } : {}),
    'lock-acquired': () => locks.add(1, named('lock.result', 'acquired')),
    'lock-refused': () => locks.add(1, named('lock.result', 'refused')),
    fallback: (event) =>
      fallbacks.add(1, {
        ...named('middleware', event.middleware),
        ...named('on_unavailable', event.onUnavailable),
      }),
    unavailable: () => available.add(1),
    recovered(event) {
      available.add(-1);
      outages.record(event.outageMs / 1000);
    },
  };
}

const counter = (meter: Meter, name: string, unit: string, description: string) =>
  meter.createCounter(`${PREFIX}.${name}`, { unit: `{${unit}}`, description });

const duration = (meter: Meter, name: string, description: string) =>
  meter.createHistogram(`${PREFIX}.${name}`, { unit: 's', description, ...BUCKETS });

const named = (name: string, value: string): Attributes => ({ [`${PREFIX}.${name}`]: value });

const routeAttribute = ({ route }: { readonly route?: string }): Attributes =>
  route === undefined ? {} : { 'http.route': route };

// A client can invent methods.
function methodOf({ request }: CacheEvent): Attributes {
  const { method } = (request ?? {}) as { method?: string };
  if (method === undefined) return {};
  return { 'http.request.method': METHODS.has(method) ? method : '_OTHER' };
}
