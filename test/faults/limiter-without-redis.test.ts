import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Redis } from 'ioredis';
import request from 'supertest';
import { describe, expect, onTestFinished, test } from 'vitest';
import { limitedApp } from '../middleware/rate-limit/support/limited-app.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { recordingLogger } from './clients.js';

interface FallbackEvent {
  readonly middleware: string;
  readonly onUnavailable: string;
  readonly reason: string;
}

function fallbacks(): FallbackEvent[] {
  const events: FallbackEvent[] = [];
  const note = (event: unknown) => void events.push(event as FallbackEvent);
  subscribe('express-redis-toolkit:fallback', note);
  onTestFinished(() => void unsubscribe('express-redis-toolkit:fallback', note));
  return events;
}

/** How Redis begins to refuse a limiter's writes, while it answers everything else. */
const causes: Record<string, { begin(admin: Redis): Promise<unknown>; end(admin: Redis): Promise<unknown> }> =
  {
    OOM: {
      begin: (admin) => admin.config('SET', 'maxmemory', '1'),
      end: (admin) => admin.config('SET', 'maxmemory', '0'),
    },
    NOREPLICAS: {
      begin: (admin) => admin.config('SET', 'min-replicas-to-write', '1'),
      end: (admin) => admin.config('SET', 'min-replicas-to-write', '0'),
    },
    NOPERM: {
      begin: (admin) => admin.acl('SETUSER', 'app', '-evalsha', '-eval'),
      end: (admin) => admin.acl('SETUSER', 'app', '+evalsha', '+eval'),
    },
    READONLY: {
      begin: (admin) => admin.replicaof('127.0.0.1', 1),
      end: (admin) => admin.replicaof('NO', 'ONE'),
    },
  };

async function scene() {
  const server: TestRedis = await startRedis();
  const admin = new Redis(server.url);
  await admin.acl('SETUSER', 'app', 'reset', 'on', '>secret', '~*', '&*', '+@all');
  // The client of an application, which does not reconnect by itself on READONLY.
  const redis = new Redis({ port: server.port, username: 'app', password: 'secret' });
  onTestFinished(async () => {
    redis.disconnect();
    admin.disconnect();
    await server.stop();
  });
  return { admin, redis, logger: recordingLogger() };
}

const LIMIT = 3;
const REQUESTS = 30;
const ANSWERS = {
  open: Array(REQUESTS).fill(200),
  closed: Array(REQUESTS).fill(503),
  local: [...Array(LIMIT).fill(200), ...Array(REQUESTS - LIMIT).fill(429)],
};
const CONSEQUENCES = {
  open: 'requests are not limited',
  closed: 'requests are refused',
  local: 'requests are counted in this process only',
};

describe.each(Object.entries(causes))('Redis refuses with %s', (reason, { begin, end }) => {
  test.each(['open', 'closed', 'local'] as const)(
    'onUnavailable "%s" is published for each request, and logged once',
    async (onUnavailable) => {
      const { admin, redis, logger } = await scene();
      const serve = (identifier: string) =>
        limitedApp({ redis, limit: LIMIT, keyGenerator: () => 'me', onUnavailable, logger, identifier });
      const [{ app, limiter }, other] = [serve('a'), serve('b')];
      await request(app).get('/').expect(200);
      const events = fallbacks();
      await begin(admin);
      const statuses: number[] = [];
      for (let i = 0; i < REQUESTS; i++) statuses.push((await request(app).get('/')).status);
      const refusal = reason === 'NOPERM' ? 500 : 503;
      expect(statuses).toEqual(ANSWERS[onUnavailable].map((status) => (status === 503 ? refusal : status)));
      expect(events).toHaveLength(REQUESTS);
      // Another limiter of the client has nothing new to report.
      await request(other.app).get('/');
      const event = { middleware: 'rateLimit', onUnavailable };
      expect(events).toEqual(Array(REQUESTS + 1).fill(expect.objectContaining(event)));
      // READONLY may become an outage of the client, which the link logs.
      const lines = logger.lines.filter(({ level }) => level !== 'info');
      expect(lines).toHaveLength(1);
      if (reason !== 'READONLY') {
        expect(events[0]).toMatchObject({ reason });
        expect(lines[0]!.message).toMatch(
          new RegExp(`^rateLimit: .*${reason}.*${CONSEQUENCES[onUnavailable]}`),
        );
      }

      await end(admin);
      await expect
        .poll(() =>
          limiter.peek('me').then(
            () => 'answers',
            () => 'fails',
          ),
        )
        .toBe('answers');
      await limiter.reset('me');
      const published = events.length;
      await expect.poll(async () => (await request(app).get('/')).headers.ratelimit).toMatch(/r=\d/);
      expect(events.length - published).toBeLessThanOrEqual(5);
    },
  );
});
