import type { Request, Response } from 'express';
import { describe, expect, test } from 'vitest';
import { redisForFile } from '../../support/redis-for-file.js';
import { data } from '../support/session-client.js';
import { expectAlike } from './support/compared.js';

const file = redisForFile();
const HOUR = 3_600_000;

describe('as on express-session, the methods', () => {
  type Act = (req: Request, res: Response) => unknown;
  const rows: Record<string, Act> = {
    'reload(cb) of a session that is not stored': (req, res) =>
      req.session.reload((error) => res.send(String(Boolean(error)))),
    'reload(cb) that nobody waits for': (req, res) => {
      req.session.reload(() => undefined);
      res.send('sent');
    },
    'reload(cb) forgets changes, and makes another object': (req, res) => {
      const old = req.session;
      data(req).count = 99;
      old.reload(() => res.send(`${data(req).count} ${req.session === old}`));
    },
    'save(cb), and what is written after it': (req, res) => {
      data(req).count = 7;
      req.session.save(() => {
        data(req).count = 8;
        res.end();
      });
    },
    'save() without callback': (req, res) => {
      data(req).count = 7;
      void req.session.save();
      res.end();
    },
    'a callback gets nothing but an error': (req, res) => {
      data(req).count = 7;
      req.session.save((...first: unknown[]) =>
        req.session.regenerate((...second: unknown[]) =>
          req.session.destroy((...third: unknown[]) =>
            res.json([first, second, third].map(([e]) => e ?? null)),
          ),
        ),
      );
    },
    'touch() and resetMaxAge() give the session': (req, res) =>
      res.json([req.session.touch() === req.session, req.session.resetMaxAge() === req.session]),
    'destroy(cb), and a property after it': (req, res) =>
      req.session.destroy(() => {
        expect(() => {
          data(req).count = 1;
        }).toThrow(TypeError);
        res.send(typeof req.sessionID);
      }),
    'regenerate(cb) twice': (req, res) =>
      req.session.regenerate(() =>
        req.session.regenerate(() => {
          data(req).count = 3;
          res.end();
        }),
      ),
    'regenerate(cb) after destroy': (req, res) => {
      const { session } = req;
      session.destroy(() =>
        session.regenerate(() => {
          data(req).count = 8;
          res.end();
        }),
      );
    },
    'regenerate(cb) after null': (req, res) => {
      const { session } = req;
      (req as { session: unknown }).session = null;
      session.regenerate(() => {
        data(req).count = 8;
        res.end();
      });
    },
    'regenerate(cb) forgets what the cookie was': (req, res) => {
      req.session.cookie.maxAge = HOUR;
      req.session.regenerate(() => {
        data(req).count = 3;
        res.json(req.session.cookie.originalMaxAge);
      });
    },
    'destroy(cb) of the object before regenerate takes req.session away': (req, res) => {
      const old = req.session;
      old.regenerate(() => {
        data(req).count = 9;
        old.destroy(() => res.send(typeof req.session));
      });
    },
    'destroy(cb) of the object before, when the new one is saved': (req, res) => {
      const old = req.session;
      old.regenerate(() => {
        data(req).count = 9;
        req.session.save(() => old.destroy(() => res.send(typeof req.session)));
      });
    },
    'reload(cb) of the object before regenerate': (req, res) => {
      const old = req.session;
      old.regenerate(() => {
        data(req).count = 9;
        req.session.save(() => old.reload((error) => res.send(String(Boolean(error)))));
      });
    },
    'req.session.req is the request, and is not stored': (req, res) =>
      res.json([
        data(req).req === req,
        Object.keys(req.session),
        JSON.stringify(req.session).includes('"req"'),
      ]),
    'id cannot be set': (req, res) => {
      expect(() => Object.assign(req.session, { id: 'x' })).toThrow(TypeError);
      res.send(String(req.session.id === req.sessionID));
    },
    'a copy has the properties and the cookie': (req, res) => {
      data(req).count = 1;
      res.json([Object.keys({ ...req.session }).sort(), 'save' in req.session, String(req.session)]);
    },
  };
  test.each(Object.entries(rows))('%s', (_name, act) =>
    expectAlike(file, { act: (req, res) => void act(req, res) }),
  );

  test('values come back as JSON represents them, in the order in which they were set', () =>
    expectAlike(file, {
      routes: (app) => {
        app.get('/fill', (req, res) => {
          const values = {
            z: new Date(0),
            a: [1, undefined],
            n: null,
            u: undefined,
            f: () => 1,
            m: new Map(),
            '': 1,
          };
          Object.assign(req.session, values, { x: Number.NaN, s: '\u2028é', b: Buffer.from('a') });
          res.end();
        });
        app.get('/show', (req, res) => void res.json(Object.entries({ ...req.session, cookie: 0 })));
      },
      asks: [['/fill', '/show']],
    }));
});
