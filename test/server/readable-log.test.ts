import { expect, test } from 'vitest';
import { createLogger } from '../../server/logging.js';
import { readableLog } from '../../server/readable-log.js';

function logged(write: (logger: ReturnType<typeof createLogger>) => void): string[] {
  const lines: string[] = [];
  write(
    createLogger(
      'info',
      readableLog((line) => lines.push(line)),
    ),
  );
  return lines.map((line) => line.replace(/^\d\d:\d\d:\d\d /gm, ''));
}

test('a request is one short line with its status, its time and whether it was a hit', () => {
  const lines = logged((logger) =>
    logger.info(
      {
        req: { method: 'GET', url: '/users/7', headers: { accept: '*/*' } },
        res: { statusCode: 200, headers: { 'cache-status': 'toolkit;hit;ttl=60', etag: '"x"' } },
        responseTime: 3,
      },
      'request completed',
    ),
  );
  expect(lines).toEqual(['GET /users/7 200 3 ms toolkit;hit;ttl=60']);
});

test('a warning names the error, and an error has its stack', () => {
  const [warning, error] = logged((logger) => {
    logger.warn({ err: new Error('no route') }, 'an event was not published');
    logger.error(new Error('broken'));
  });
  expect(warning).toBe('WARN an event was not published (no route)');
  expect(error).toMatch(/^ERROR broken\n +at /);
});

test('control characters of a client do not reach the terminal', () => {
  const lines = logged((logger) => {
    logger.warn('a\u001b[2Jb\nc');
    logger.info({ req: { method: 'GET', url: '/\u009b2J' }, res: { statusCode: 404 }, responseTime: 1 });
  });
  expect(lines).toEqual(['WARN a?[2Jb?c', 'GET /?2J 404 1 ms']);
});

test('secrets are redacted as in the JSON', () => {
  expect(logged((logger) => logger.info({ password: 'leak' }, 'login')).join('')).toBe('INFO login');
});
