import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { Redis } from 'ioredis';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { createLogger, httpLogging } from '../../server/logging.js';

function capture(level = 'info') {
  const lines: string[] = [];
  return { lines, logger: createLogger(level, { write: (line) => void lines.push(line) }) };
}

async function listen({ logger }: ReturnType<typeof capture>): Promise<string> {
  const app = express();
  app.use(httpLogging(logger));
  app.get('/', (req, res) => {
    req.log.info('handled');
    res.cookie('sid', 'set-cookie-secret').json({ id: req.id });
  });
  const server = createServer(app).listen(0);
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function request(headers: Record<string, string>, seen = capture()) {
  const { lines } = seen;
  const response = await fetch(`${await listen(seen)}/`, { headers });
  const { id } = (await response.json()) as { id: string };
  await expect.poll(() => lines.length).toBe(2);
  return { id, header: response.headers.get('x-request-id'), logged: lines.map((line) => JSON.parse(line)) };
}

describe('request ids', () => {
  test('one is made up, returned, and on every line', async () => {
    const { id, header, logged } = await request({});
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(header).toBe(id);
    expect(logged.map((line) => line.req.id)).toEqual([id, id]);
  });

  test("a client's own is kept", async () => {
    expect((await request({ 'X-Request-Id': 'trace-1.a_B' })).header).toBe('trace-1.a_B');
  });

  test.each(['with space', '{"forged":true}', 'x'.repeat(65), 'é'])(
    'an unsafe one is replaced: %s',
    async (id) => {
      expect((await request({ 'X-Request-Id': id })).header).toMatch(/^[0-9a-f-]{36}$/);
    },
  );
});

describe('secrets', () => {
  test('cookies and credentials of a request are not logged', async () => {
    const seen = capture();
    await request(
      {
        Cookie: 'sid=cookie-secret',
        Authorization: 'Bearer bearer-secret',
        'Proxy-Authorization': 'proxy-secret',
        'X-API-Key': 'api-secret',
      },
      seen,
    );
    const text = seen.lines.join('');
    expect(text).not.toMatch(/(cookie|bearer|proxy|api)-secret/);
    expect(text).toContain('[redacted]');
  });

  test.each(['password', 'secret', 'sessionSecret', 'token', 'passwordHash'])(
    '%s is redacted at three depths',
    (field) => {
      const { lines, logger } = capture();
      logger.info({ [field]: 'leak', body: { [field]: 'leak', user: { [field]: 'leak' } } }, 'message');
      expect(lines.join('')).not.toContain('leak');
    },
  );

  test("a failed Redis command's arguments are not logged", async () => {
    const { lines, logger } = capture();
    const redis = new Redis(inject('redisUrl'));
    onTestFinished(() => redis.disconnect());
    const err = await redis.call('SET', 'key', 'session-data', 'BOGUS').catch((error: Error) => error);
    logger.error({ err }, 'failed');
    logger.error(err);
    expect(lines).toHaveLength(2);
    expect(lines.join('')).toContain('syntax error');
    expect(lines.join('')).not.toContain('session-data');
  });
});

test('LOG_LEVEL decides', () => {
  const { lines, logger } = capture('warn');
  logger.info('quiet');
  logger.warn('heard');
  expect(lines).toHaveLength(1);
});
