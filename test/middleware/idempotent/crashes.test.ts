import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { printedSeed, random } from '../../support/random.js';
import { sized } from '../../support/size.js';
import { type OrdersProcess, order, startOrders } from './support/orders.js';

const LEASE_MS = 300;
const CRASHES = sized({ quick: 12, full: 450 });
const REDIS_KILLS = sized({ quick: 1, full: 50 });
const AT_ONCE = 8;
const STEPS = 4; // look-up, lease, order, answer

let orders: Awaited<ReturnType<typeof startOrders>>;
let healthy: OrdersProcess;
beforeAll(async () => {
  orders = await startOrders({ leaseMs: LEASE_MS });
  healthy = await orders.startProcess();
});
afterAll(() => orders.stop());

const seed = printedSeed('idempotent crashes');
const { below, pick } = random(seed);
let trials = 0;
// With a lease that a busy machine does not outlast.
let three: OrdersProcess[] | undefined;

interface Trial {
  readonly key: string;
  readonly user: string;
  readonly item: string;
  readonly withoutId?: boolean;
  readonly path: string;
}

// Every other one waits for an attempt that runs.
const newTrial = (withoutId = false): Trial => {
  trials += 1;
  const path = trials % 2 === 0 ? '/orders' : '/patient-orders';
  return { key: `key-${trials}`, user: `user-${trials % 5}`, item: `item-${trials}`, withoutId, path };
};

async function dieDuring(trial: Trial): Promise<void> {
  const doomed = await orders.startProcess();
  doomed.child.send({ dieAt: 1 + below(STEPS), when: pick(['before', 'after']) });
  await once(doomed.child, 'message');
  await order(doomed.url, trial);
  if (doomed.child.exitCode === null && doomed.child.signalCode === null) doomed.child.kill('SIGKILL');
}

/** Repeats the request, as its client would, until it is answered; tells how long the key was stuck. */
async function retry(trial: Trial) {
  const beganAt = performance.now();
  for (;;) {
    const { status, text } = await order(healthy.url, trial);
    const tookMs = performance.now() - beganAt;
    if (status === 201) return { tookMs, answer: JSON.parse(text) as { owner: string; item: string } };
    if (tookMs > 30_000) throw new Error(`${trial.key} is still answered with ${status}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function effectsOf({ key }: Trial): Promise<number> {
  const { rows } = await orders.pool.query('SELECT count(*)::int AS n FROM orders WHERE key = $1', [key]);
  return (rows[0] as { n: number }).n;
}

async function inBatches(count: number, run: () => Promise<void>): Promise<void> {
  for (let done = 0; done < count; done += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - done) }, run));
  }
}

test('a process that is killed at any step leaves one effect, and its key free after the lease', {
  timeout: 1_200_000,
}, async () => {
  const stuckMs: number[] = [];
  await inBatches(CRASHES, async () => {
    const trial = newTrial();
    await dieDuring(trial);
    const { tookMs, answer } = await retry(trial);
    stuckMs.push(tookMs);
    expect(answer).toMatchObject({ owner: trial.user, item: trial.item });
    expect([trial.key, await effectsOf(trial)]).toEqual([trial.key, 1]);
  });
  // The lease, and what a busy machine adds.
  expect(Math.max(...stuckMs)).toBeLessThan(LEASE_MS + 5_000);
});

test('without the id in the transaction some requests happen twice', { timeout: 300_000 }, async () => {
  let doubles = 0;
  for (let round = 0; doubles === 0 && round < 20; round++) {
    await inBatches(AT_ONCE, async () => {
      const trial = newTrial(true);
      await dieDuring(trial);
      await retry(trial);
      if ((await effectsOf(trial)) > 1) doubles += 1;
    });
  }
  expect(doubles).toBeGreaterThan(0);
});

test('a Redis that is killed and comes back empty leaves one effect of each request', {
  timeout: 1_200_000,
}, async () => {
  for (let kills = 0; kills < REDIS_KILLS; kills++) {
    const batch = Array.from({ length: AT_ONCE }, () => newTrial());
    const sent = batch.map((trial) => order(healthy.url, trial));
    await new Promise((resolve) => setTimeout(resolve, below(30)));
    await orders.redis.restart();
    await Promise.all(sent);
    for (const trial of batch) {
      const { answer } = await retry(trial);
      expect(answer).toMatchObject({ owner: trial.user, item: trial.item });
      expect(await effectsOf(trial)).toBe(1);
    }
  }
});

test.each([
  ['get 409', { path: '/orders', answeredEarly: 99, replays: 0 }],
  ['wait, and get its answer', { path: '/patient-orders', answeredEarly: 0, replays: 99 }],
])('of 100 equal requests to three processes one runs, and 99 %s', async (_, { path, ...expected }) => {
  three ??= await Promise.all([1, 2, 3].map(() => orders.startProcess({ lease: 20_000 })));
  const processes = three;
  // Without the id each call of the handler is an effect.
  const trial = { ...newTrial(true), path };
  const table = await orders.pool.connect();
  await table.query('BEGIN; LOCK TABLE orders');
  const before = await orders.scriptsRun();
  let answeredEarly = 0;
  const sent = Array.from({ length: 100 }, async (__, i) => {
    const answer = await order(processes[i % 3]!.url, trial);
    answeredEarly += 1;
    return answer;
  });
  await eventually('all have asked', async () => (await orders.scriptsRun()) >= before + 100);
  await eventually('their answers', () => answeredEarly >= expected.answeredEarly);
  expect(answeredEarly).toBe(expected.answeredEarly);
  await table.query('COMMIT');
  table.release();
  const answers = await Promise.all(sent);
  const first = answers.filter(({ status, isReplay }) => status === 201 && !isReplay);
  const replays = answers.filter(({ status, isReplay }) => status === 201 && isReplay);
  const conflicts = answers.filter(({ status }) => status === 409);
  expect([first.length, replays.length, conflicts.length]).toEqual([
    1,
    expected.replays,
    99 - expected.replays,
  ]);
  expect(new Set([...first, ...replays].map(({ text }) => text)).size).toBe(1);
  for (const { retryAfter } of conflicts) expect(Number(retryAfter)).toBeGreaterThanOrEqual(1);
  expect(await effectsOf(trial)).toBe(1);
});
