import type { Express } from 'express';
import { expect, test } from 'vitest';
import type { SessionOptions } from '../../../../middleware/session/options.js';
import { recordingLogger } from '../../../faults/clients.js';
import { redisForFile } from '../../support/redis-for-file.js';
import { data, serveSessions } from '../support/session-client.js';

const file = redisForFile();
const https = { headers: { 'x-forwarded-proto': 'https' } };

async function explained(options: Partial<SessionOptions>, init: RequestInit, trust = false) {
  const logger = recordingLogger();
  const { client } = await serveSessions(
    { redis: file.redis, logger, ...options },
    (app: Express) => {
      app.get('/', (req, res) => {
        data(req).user = 'u';
        res.end();
      });
    },
    (app) => void app.set('trust proxy', trust),
  );
  const answers = [await client().get('/', init), await client().get('/', init)];
  return {
    messages: logger.lines.map(({ message }) => message),
    cookies: answers.map(({ cookie }) => cookie),
  };
}

test.each([
  ['Secure over plain HTTP', { secure: true }, {}, /no cookie is sent.*trust proxy.*proxy: true/, false],
  ['a proxy that is not trusted', { secure: 'auto' }, https, /without Secure.*X-Forwarded-Proto/, true],
  ['SameSite=None without Secure', { sameSite: 'none' }, {}, /SameSite=None without Secure/, true],
  ['Partitioned without Secure', { partitioned: true }, {}, /Partitioned without Secure/, true],
] as const)(
  'a cookie that browsers would drop is logged once: %s',
  async (_what, cookie, init, message, isSent) => {
    const { messages, cookies } = await explained({ cookie }, init);
    expect(messages).toEqual([expect.stringMatching(message)]);
    expect(cookies.every((given) => (given !== undefined) === isSent)).toBe(true);
  },
);

test('a cookie that browsers accept logs nothing', async () => {
  const all = { secure: true, sameSite: 'none', partitioned: true } as const;
  const { messages, cookies } = await explained({ cookie: all }, https, true);
  expect(messages).toEqual([]);
  expect(cookies[0]).toMatch(/^__Host-connect\.sid=.*Secure; Partitioned; SameSite=None/);
  expect((await explained({}, {})).messages).toEqual([]);
});
