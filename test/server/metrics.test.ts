import express from 'express';
import request from 'supertest';
import { expect, onTestFinished, test } from 'vitest';
import { createMetrics } from '../../server/metrics.js';
import { publish } from '../../src/diagnostics.js';

function appWithMetrics() {
  const metrics = createMetrics();
  onTestFinished(metrics.stop);
  return express().use(metrics.router);
}

test('serves the metrics of the toolkit in the format of Prometheus', async () => {
  const app = appWithMetrics();
  publish('hit', () => ({ id: 'GET //x/', stored: false, collapsed: false }));
  const { status, text, headers } = await request(app).get('/metrics');
  expect([status, headers['content-type']]).toEqual([200, expect.stringContaining('text/plain')]);
  expect(text).toMatch(
    /^express_redis_toolkit_cache_requests_total\{.*express_redis_toolkit_cache_result="hit".*\} 1$/m,
  );
});

test.each(['X-Forwarded-For', 'Forwarded', 'Via'])(
  'a request that a proxy forwarded (%s) finds nothing',
  async (field) => {
    await request(appWithMetrics()).get('/metrics').set(field, '203.0.113.7').expect(404);
  },
);
