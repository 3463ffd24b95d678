// An app that makes orders in PostgreSQL, once per idempotency key. It can be told to kill itself at one of its steps.
import type { AddressInfo } from 'node:net';
import express from 'express';
import { Redis } from 'ioredis';
import { Pool } from 'pg';
import { idempotent } from '../../../../middleware/idempotent/idempotent.js';

const { REDIS_URL = '', DATABASE_URL = '', LEASE_MS = '400' } = process.env;

const redis = new Redis(REDIS_URL, { maxRetriesPerRequest: 0, retryStrategy: () => 20 });
redis.on('error', () => undefined);
const pool = new Pool({ connectionString: DATABASE_URL, max: 4 });
pool.on('error', () => undefined);

let stepsLeft = Number.POSITIVE_INFINITY;
let dies: 'before' | 'after' = 'before';

async function step<T>(run: () => Promise<T>): Promise<T> {
  stepsLeft -= 1;
  const isLast = stepsLeft === 0;
  if (isLast && dies === 'before') process.kill(process.pid, 'SIGKILL');
  const result = await run();
  if (isLast) process.kill(process.pid, 'SIGKILL');
  return result;
}

const sendCommand = redis.sendCommand.bind(redis);
redis.sendCommand = (command, ...rest) => {
  if (!['hmget', 'evalsha', 'eval'].includes(command.name)) return sendCommand(command, ...rest);
  const sent = step(() => sendCommand(command, ...rest) as Promise<unknown>);
  sent.catch(() => undefined);
  return sent;
};

const quiet = { warn() {}, error() {} };
const app = express();
const once = (waitMs: number) =>
  idempotent({
    redis,
    scope: (req) => req.get('X-User'),
    leaseMs: Number(LEASE_MS),
    waitMs,
    timeoutMs: 1_000,
    logger: quiet,
  });
app.use('/orders', once(0));
app.use('/patient-orders', once(60_000));
app.post(['/orders', '/patient-orders'], express.json(), async (req, res) => {
  const { item } = req.body as { item: string };
  const name = req.get('X-User')!;
  // Without the id nothing tells two attempts apart.
  const id = req.get('X-Without-Id') ? null : `${req.idempotency!.id}`;
  const key = req.get('Idempotency-Key')!;
  const insert =
    'INSERT INTO orders (attempt, key, owner, item) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING';
  await step(() => pool.query(insert, [id, key, name, item]));
  res.status(201).json({ owner: name, item, fence: req.idempotency!.fence });
});
app.use(((_error, _req, res, _next) => void res.status(503).end()) as express.ErrorRequestHandler);

process.on('message', (order: { dieAt: number; when: 'before' | 'after' }) => {
  stepsLeft = order.dieAt;
  dies = order.when;
  process.send!('armed');
});
process.on('disconnect', () => process.exit());

const server = app.listen(0, '127.0.0.1', async () => {
  await redis.ping();
  await pool.query('SELECT 1');
  process.send!((server.address() as AddressInfo).port);
});
