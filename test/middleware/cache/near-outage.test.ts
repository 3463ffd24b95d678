import type { RequestHandler } from 'express';
import { describe, expect, onTestFinished, test } from 'vitest';
import { cacheAside } from '../../../src/cache-aside/cache-aside.js';
import { startRedis } from '../../support/redis.js';
import { type Mode, serveNear } from './support/near-client.js';

const MODES: Mode[] = ['validated', 'tracked'];
const failures: Record<string, RequestHandler> = {
  answers: (_req, res) => void res.send('new'),
  'says 503': (_req, res) => void res.status(503).set('X-Own', 'error').send('down'),
  throws: () => {
    throw new Error('down');
  },
};

/** A site that has one response near, whose handler then does something else. */
async function startSite(mode: Mode, cacheControl: string, then: RequestHandler) {
  const server = await startRedis();
  onTestFinished(() => server.stop());
  let handler: RequestHandler = (_req, res) => void res.set('Cache-Control', cacheControl).send('old');
  const app = await serveNear(server.url, mode, {
    handler: (req, res, next) => handler(req, res, next),
    cache: { timeoutMs: 1_000 },
  });
  await app.settle();
  handler = then;
  const said = async (headers = {}) => {
    const { status, body, headers: fields } = await app.get('/thing', { headers });
    return { status, body: status === 200 ? body.toString() : '', said: fields['cache-status'], fields };
  };
  return { server, app, said };
}

const TOLERANT = 'max-age=60, stale-if-error=600';

describe.each(MODES)('%s, Redis killed', (mode) => {
  test.each([
    ['says 503', 503],
    ['throws', 500],
  ])('a handler that %s is covered by what is near, where stale-if-error allows it', async (what, status) => {
    const { server, said } = await startSite(mode, TOLERANT, failures[what]!);
    await server.kill();
    const reply = await said();
    expect(reply).toMatchObject({ status: 200, body: 'old' });
    const cacheStatus = new RegExp(
      `^toolkit;fwd=bypass;fwd-status=${status};detail=stale-if-error;ttl=\\d+$`,
    );
    expect(reply.said).toMatch(cacheStatus);
    expect(reply.fields).not.toHaveProperty('x-own');
    expect(Number(reply.fields.age)).toBeGreaterThanOrEqual(0);
  });

  test('a handler that answers is heard', async () => {
    const { server, said } = await startSite(mode, TOLERANT, failures.answers!);
    await server.kill();
    expect(await said()).toMatchObject({
      status: 200,
      body: 'new',
      said: 'toolkit;fwd=bypass;detail=redis-unavailable',
    });
  });

  test.each(['max-age=60', 'max-age=60, must-revalidate, stale-if-error=600'])(
    'an error goes through where the response said %s',
    async (cacheControl) => {
      const { server, said } = await startSite(mode, cacheControl, failures['says 503']!);
      await server.kill();
      expect(await said()).toMatchObject({ status: 503 });
    },
  );

  test('what was found to be invalidated does not come back', async () => {
    const { server, app, said } = await startSite(mode, TOLERANT, failures['says 503']!);
    await cacheAside({ redis: app.redis }).invalidateTags(['thing']);
    await expect.poll(async () => (await said()).status).toBe(503);
    await server.kill();
    expect(await said()).toMatchObject({ status: 503 });
  });

  test("a request with credentials is not given everybody's response", async () => {
    const { server, said } = await startSite(mode, TOLERANT, failures['says 503']!);
    await server.kill();
    expect(await said({ authorization: 'Bearer x' })).toMatchObject({ status: 503 });
  });
});
