import request from 'supertest';
import { describe, expect, test } from 'vitest';
import { session } from '../../middleware/session/session.js';
import { closeRedis, connectRedis } from '../../src/redis/connect.js';
import { data } from '../middleware/session/support/session-client.js';
import { quiet } from '../middleware/support/redis-for-file.js';
import { eventually } from '../support/eventually.js';
import { watchLostTime } from '../support/lost-time.js';
import { SCENES } from './scenes.js';
import { timedApp } from './timed-app.js';

const TIMEOUT_MS = 150;
const SLACK_MS = 50;

function serve(port: number, onUnavailable: 'error' | 'anonymous') {
  const redis = connectRedis({ url: `redis://127.0.0.1:${port}`, logger: quiet });
  const { app, tookMs } = timedApp((app) => {
    app.use(session({ redis, secret: 'secret', timeoutMs: TIMEOUT_MS, onUnavailable, logger: quiet }));
    app.get('/public', (_req, res) => void res.send('public'));
    app.get('/me', (req, res) => void res.send(data(req).user ?? 'nobody'));
    app.get('/login', async (req, res) => {
      await req.session.regenerate();
      data(req).user = 'ann';
      res.redirect('/me');
    });
  });
  const get = async (path: string, cookie = '') => {
    const { status, text, headers } = await request(app).get(path).set('Cookie', cookie);
    return { status, text, cookie: headers['set-cookie']?.[0] };
  };
  return { redis, get, tookMs };
}

// A cookie for the scenes in which Redis was never there, so that no login was possible.
async function anyCookie(get: ReturnType<typeof serve>['get'], bootsDown: boolean | undefined) {
  const { sign } = require('cookie-signature');
  return bootsDown
    ? `connect.sid=s:${sign('unknown', 'secret')}`
    : (await get('/login')).cookie!.split(';')[0]!;
}

const refused = { status: 503, text: 'REDIS_UNAVAILABLE', cookie: undefined };

describe.each(Object.entries(SCENES))('sessions while Redis is %s', (_name, stage) => {
  test.each(['error', 'anonymous'] as const)(
    'onUnavailable: %s answers in time, sends no cookie for an unsaved session, and recovers within a second',
    async (mode) => {
      const scene = await stage();
      const { redis, get, tookMs } = serve(scene.port, mode);
      const cookie = await anyCookie(get, scene.bootsDown);
      tookMs.length = 0;

      const machine = watchLostTime();
      await scene.fault();
      const [me, visitor, login, again] = await Promise.all([
        get('/me', cookie),
        get('/public'),
        get('/login'),
        get('/login', cookie),
      ]);
      const nobody = { status: 200, text: 'nobody', cookie: undefined };
      expect(me).toEqual(mode === 'error' ? refused : nobody);
      expect(visitor).toMatchObject({ status: 200, text: 'public' });
      expect(login).toEqual(refused);
      expect(again).toMatchObject({ cookie: undefined });
      expect(Math.max(...tookMs)).toBeLessThan(TIMEOUT_MS + SLACK_MS + machine.lostMs());

      await scene.mend();
      let fresh = '';
      const logsIn = async () => {
        const { status, cookie } = await get('/login');
        fresh = cookie?.split(';')[0] ?? '';
        return status === 302;
      };
      await eventually('a login is stored again', logsIn, { withinMs: 1_000 });
      expect((await get('/me', fresh)).text).toBe('ann');
      await closeRedis(redis);
      await scene.close();
    },
  );
});
