import { Readable } from 'node:stream';
import type { RequestHandler, Response } from 'express';
import { describe, test } from 'vitest';
import { redisForFile } from '../../support/redis-for-file.js';
import { data } from '../support/session-client.js';
import { expectAlike } from './support/compared.js';

const file = redisForFile();

describe('as on express-session, a response', () => {
  const ways: Record<string, (res: Response) => unknown> = {
    'by send': (res) => res.send('body'),
    'by json': (res) => res.json({ a: 1 }),
    'by end': (res) => res.end('body'),
    'by end, a buffer': (res) => res.end(Buffer.from('body')),
    'by end, encoded': (res) => res.end('626f6479', 'hex'),
    'by end with null': (res) => res.end(null),
    'by end with a callback': (res) => res.end('body', () => {}),
    'by end twice': (res) => res.end('one') && res.end(),
    'by end twice, with bodies': (res) => res.end('one') && res.end('two'),
    'by write': (res) => res.write('a') && res.write('b', () => res.end('c')),
    'by write, then end': (res) => res.write('a') && res.end(),
    'by an empty write': (res) => [res.write(''), res.end('a')],
    'with Content-Length': (res) => res.set('Content-Length', '4').end('body'),
    'with Content-Length, in two writes': (res) => [
      res.set('Content-Length', '4'),
      res.write('bo'),
      res.end('dy'),
    ],
    'with Content-Length 0': (res) => res.set('Content-Length', '0').end(),
    'by pipe': (res) => Readable.from(['a', 'b', 'c']).pipe(res),
    'by redirect': (res) => res.redirect('/read'),
    '204': (res) => res.sendStatus(204),
    '304': (res) => res.status(304).end(),
    '404': (res) => res.status(404).send('no'),
    'by writeHead': (res) => res.writeHead(201, 'Made', { 'X-Own': '1' }).end('body'),
    'by writeHead with a cookie': (res) => res.writeHead(200, { 'Set-Cookie': 'a=1' }).end(),
    'by writeHead with a list': (res) => res.writeHead(200, ['Set-Cookie', 'a=1'] as never).end(),
    'by writeHead over a cookie': (res) =>
      res
        .cookie('b', '2')
        .writeHead(200, { 'Set-Cookie': ['a=1'] })
        .end(),
    'by flushHeaders': (res) => [res.flushHeaders(), res.end('body')],
    'with a cookie': (res) => res.set('Set-Cookie', 'a=1').end(),
    'with cookies': (res) => res.set('Set-Cookie', ['a=1', 'b=2']).end(),
    'with a cookie cleared': (res) => res.clearCookie('a').end(),
    later: (res) => setImmediate(() => res.end('body')),
    'that fails': () => {
      throw new Error('thrown');
    },
  };
  test.each(Object.entries(ways))('%s', async (_name, way) => {
    const act: RequestHandler = (req, res) => {
      if (req.query.n) data(req).count = req.query.n;
      way(res);
    };
    // A new session, an existing one that is changed, and an existing one that is not.
    const asks = [['/act?n=1', '/read', '/act?n=2', '/read', '/act', '/read']];
    for (const method of ['GET', 'HEAD']) await expectAlike(file, { act, asks, init: { method } });
  });

  test('a session property that is written after res.end is lost', () =>
    expectAlike(file, {
      act: (req, res) => {
        data(req).count = 50;
        res.end('body');
        data(req).count = 99;
      },
      asks: [['/act', '/read', '/act', '/read']],
    }));
});
