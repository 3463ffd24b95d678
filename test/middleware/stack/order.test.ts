import express, { type RequestHandler } from 'express';
import request from 'supertest';
import { describe, expect, test } from 'vitest';
import { stack } from '../../../middleware/stack/stack.js';

describe('the order and the errors are those of app.use', () => {
  const through = (...all: RequestHandler[]) => {
    const app = express();
    app.get('/', stack(...all), (_req, res) => void res.json({ order: res.locals.order }));
    app.use(
      ((error, _req, res, _next) =>
        void res.status(500).json({ error: String(error) })) as express.ErrorRequestHandler,
    );
    return request(app).get('/');
  };
  const note =
    (name: string): RequestHandler =>
    (_req, res, next) => {
      res.locals.order = [...(res.locals.order ?? []), name];
      next();
    };

  test('each runs once, in order, though one calls next twice', async () => {
    const twice: RequestHandler = (_req, _res, next) => {
      next();
      next();
    };
    expect((await through(note('a'), twice, note('b'), stack(note('c')), note('d'))).body.order).toEqual([
      'a',
      'b',
      'c',
      'd',
    ]);
  });

  test.each<[string, RequestHandler]>([
    [
      'thrown',
      () => {
        throw new Error('broken');
      },
    ],
    [
      'rejected',
      async () => {
        throw new Error('broken');
      },
    ],
    ['passed to next', (_req, _res, next) => next(new Error('broken'))],
  ])('an error that is %s ends the stack', async (_how, broken) => {
    expect((await through(broken, note('never'))).body).toEqual({ error: 'Error: broken' });
  });

  test("next('route') leaves the route", async () => {
    expect((await through((_req, _res, next) => next('route'))).status).toBe(404);
  });

  test('a refusal of an argument names it', () => {
    expect(() => stack()).toThrow('stack: give it at least one middleware');
    expect(() => stack(note('a'), 5 as never)).toThrow('stack: argument 2 must be a middleware function');
  });
});
