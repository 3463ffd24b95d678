import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { Pool } from 'pg';
import { bundleForNode } from '../../../support/bundle.js';
import { createTestDatabase } from '../../../support/postgres.js';
import { startRedis } from '../../../support/redis.js';

export interface OrdersProcess {
  readonly url: string;
  readonly child: ChildProcess;
}

export interface Order {
  readonly key: string;
  readonly user: string;
  readonly item: string;
  readonly withoutId?: boolean;
  readonly path?: string;
}

/** Redis, PostgreSQL, and processes of the app of orders-process.ts, bundled so that each starts in 0.2 s. */
export async function startOrders({ leaseMs = 400 } = {}) {
  const script = await bundleForNode(join(__dirname, 'orders-process.ts'));
  const [redis, database] = await Promise.all([startRedis(), createTestDatabase()]);
  const pool = new Pool({ connectionString: database.url });
  await pool.query(
    'CREATE TABLE orders (id serial PRIMARY KEY, attempt text UNIQUE, key text, owner text, item text)',
  );
  const client = new Redis(redis.url, { retryStrategy: () => 20 });
  client.on('error', () => undefined);
  const children = new Set<ChildProcess>();

  return {
    redis,
    pool,
    async scriptsRun(): Promise<number> {
      const [, calls = '0'] = /evalsha:calls=(\d+)/.exec(await client.info('commandstats')) ?? [];
      return Number(calls);
    },
    async startProcess({ lease = leaseMs } = {}): Promise<OrdersProcess> {
      const env = {
        ...process.env,
        REDIS_URL: redis.url,
        DATABASE_URL: database.url,
        LEASE_MS: String(lease),
      };
      const child = fork(script, { env, execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
      children.add(child);
      child.on('exit', () => children.delete(child));
      const [port] = await once(child, 'message');
      return { url: `http://127.0.0.1:${port}`, child };
    },
    async stop(): Promise<void> {
      for (const child of children) child.kill('SIGKILL');
      await pool.end();
      client.disconnect();
      await redis.stop();
      await database.drop();
    },
  };
}

/** Sends an order; status 0 when the process is gone. */
export async function order(url: string, { key, user, item, withoutId, path = '/orders' }: Order) {
  try {
    const answer = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'Idempotency-Key': key,
        'X-User': user,
        ...(withoutId && { 'X-Without-Id': '1' }),
      },
      body: JSON.stringify({ item }),
    });
    const text = await answer.text();
    const isReplay = answer.headers.get('idempotency-replayed') === 'true';
    return { status: answer.status, text, isReplay, retryAfter: answer.headers.get('retry-after') };
  } catch {
    return { status: 0, text: '', isReplay: false, retryAfter: null };
  }
}
