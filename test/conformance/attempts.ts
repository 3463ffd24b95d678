import { randomUUID } from 'node:crypto';
import express from 'express';
import { expect, test } from 'vitest';
import { idempotent } from '../../middleware/idempotent/idempotent.js';
import type { RedisClient } from '../../src/redis/connect.js';
import { serve } from '../middleware/support/redis-for-file.js';
import { eventually } from '../support/eventually.js';
import { gate } from '../support/gate.js';
import { isHeard } from './locks.js';

/** What `idempotent` promises to a request that waits, on every kind of Redis. */
export function attemptsBehave(open: () => RedisClient): void {
  test('a request that waits gets the answer of the first one, as soon as it is there', async () => {
    const prefix = `${randomUUID()}:`;
    const [running, finish] = [gate(), gate()];
    let runs = 0;
    const app = express();
    const once = idempotent({ redis: open(), prefix, scope: () => 'ann', timeoutMs: 1_000, waitMs: 60_000 });
    app.post('/', once, async (_req, res) => {
      runs += 1;
      running.open();
      await finish.passed;
      res.send('made');
    });
    const url = await serve(app);
    const post = () => fetch(url, { method: 'POST', headers: { 'Idempotency-Key': 'k' } });
    const first = post();
    await running.passed;
    const waiting = post();
    await eventually('it waits', () => isHeard(open(), `*${prefix}idempotency-released:*`));
    finish.open();
    expect((await first).headers.has('idempotency-replayed')).toBe(false);
    expect((await waiting).headers.get('idempotency-replayed')).toBe('true');
    expect(await (await waiting).text()).toBe('made');
    expect(runs).toBe(1);
  });
}
