import request from 'supertest';
import { describe, expect, test } from 'vitest';
import { rateLimit } from '../../middleware/rate-limit/rate-limit.js';
import { closeRedis, connectRedis } from '../../src/redis/connect.js';
import { eventually } from '../support/eventually.js';
import { watchLostTime } from '../support/lost-time.js';
import { SCENES } from './scenes.js';
import { timedApp } from './timed-app.js';

const TIMEOUT_MS = 100;
const SLACK_MS = 50;
const LIMIT = 5;
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

type Mode = 'open' | 'closed' | 'local';

function serve(port: number, mode: Mode) {
  const redis = connectRedis({ url: `redis://127.0.0.1:${port}`, logger: quiet });
  const limiter = rateLimit({
    redis,
    limit: LIMIT,
    timeoutMs: TIMEOUT_MS,
    onUnavailable: mode,
    keyGenerator: () => 'me',
  });
  const timed = timedApp((app) => app.use(limiter, (_req, res) => void res.send('ok')));
  return { redis, limiter, ...timed };
}

const EXPECTED: Record<Mode, number[]> = {
  open: [200, 200, 200, 200, 200, 200, 200, 200],
  closed: [503, 503, 503, 503, 503, 503, 503, 503],
  local: [200, 200, 200, 200, 200, 429, 429, 429],
};

describe.each(Object.entries(SCENES))('Redis %s', (_name, stage) => {
  test.each(['open', 'closed', 'local'] as const)(
    '%s answers in time, and counts again within a second',
    async (mode) => {
      const scene = await stage();
      const { redis, limiter, app, tookMs } = serve(scene.port, mode);
      if (!scene.bootsDown) await request(app).get('/').expect(200);
      const chargedBefore = scene.bootsDown ? 0 : 1;
      tookMs.length = 0;

      const machine = watchLostTime();
      await scene.fault();
      const answers = await Promise.all(EXPECTED[mode].map(() => request(app).get('/')));
      expect(answers.map(({ status }) => status).sort()).toEqual(EXPECTED[mode]);
      expect(Math.max(...tookMs)).toBeLessThan(TIMEOUT_MS + SLACK_MS + machine.lostMs());

      await scene.mend();
      await eventually(
        'the limiter counts in Redis again',
        async () =>
          limiter.peek('me').then(
            () => true,
            () => false,
          ),
        {
          withinMs: 1_000,
        },
      );
      // What was in the socket when Redis froze may be executed when it thaws: once, never twice.
      expect((await limiter.peek('me')).used).toBeLessThanOrEqual(chargedBefore + EXPECTED[mode].length);
      await closeRedis(redis);
      await scene.close();
    },
  );
});
