import express, { type ErrorRequestHandler, type Express } from 'express';

/** An app that notes how long each answer took, and answers an error with its status and code. */
export function timedApp(routes: (app: Express) => void) {
  const app = express();
  const tookMs: number[] = [];
  app.use((_req, res, next) => {
    const began = performance.now();
    res.once('finish', () => tookMs.push(performance.now() - began));
    next();
  });
  routes(app);
  app.use(
    ((error, _req, res, _next) => void res.status(error.status).send(error.code)) as ErrorRequestHandler,
  );
  return { app, tookMs };
}
