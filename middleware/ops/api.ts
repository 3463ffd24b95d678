import express, { type ErrorRequestHandler, type Request, type RequestHandler, Router } from 'express';
import { ToolkitError } from '../../src/errors.js';
import { consoleLogger, logInfo } from '../../src/logger.js';
import { audit, noting, type Operations } from '../../src/operations/index.js';
import { stack } from '../stack/index.js';
import { type Action, actionsOf, knownLimiter } from './actions.js';
import { actorOf } from './authorization.js';
import { forgeryToken, withToken } from './forgery-token.js';
import { Input, InputRefused } from './input.js';
import type { OpsSettings } from './options.js';
import { refuseWith } from './problem-answer.js';

const MOST_BYTES = '64kb';

/** The JSON API: GET reads, POST with the token acts. */
export function api(
  operations: Operations,
  { readOnly, logger = consoleLogger }: Pick<OpsSettings, 'readOnly' | 'logger'>,
): Router {
  const router = Router();
  router.get(
    '/state',
    stack(async (req, res) => {
      res.json({
        ...(await operations.overview()),
        actor: actorOf(req),
        readOnly,
        token: readOnly ? undefined : forgeryToken(req, res),
      });
    }),
  );
  for (const [path, answer] of Object.entries(questionsOf(operations))) {
    router.get(
      path,
      stack(async (req, res) => {
        res.json(await answer(new Input(req.query)));
      }),
    );
  }
  const mayAct: RequestHandler = (_req, res, next) =>
    readOnly ? refuseWith(res, 403, 'Actions are turned off here (readOnly).') : next();
  for (const [path, action] of Object.entries(actionsOf(operations))) {
    const inBody = express.json({ limit: MOST_BYTES });
    router.post(
      `/${path}`,
      mayAct,
      withToken,
      inBody,
      stack(async (req, res) => {
        res.json(await audited({ path, action, req }, (event) => logInfo(logger, event, `ops: ${path}`)));
      }),
    );
  }
  router.use((_req, res) => refuseWith(res, 404, 'The API has no such path.'));
  router.use(answerErrors);
  return router;
}

const questionsOf = ({ limits, sessions, cache, limiter }: Operations) => ({
  '/limits': async (input: Input) =>
    limits.lookUp(await knownLimiter(limiter, input.text('limiter')), input.text('client')),
  '/sessions': async (input: Input) => ({ sessions: await sessions.list(input.text('user')) }),
  '/cache': async (input: Input) => ({ entries: await cache.inspect(input.text('entry')) }),
});

async function audited(
  { path, action, req }: { path: string; action: Action; req: Request },
  log: (event: object) => void,
): Promise<object> {
  const { on, run } = await action(new Input(req.body));
  return noting({ action: path, actor: actorOf(req), on }, run, (ended) => {
    audit(ended);
    log(ended);
  });
}

// Everything else is an error of the application, for its own error handler.
const answerErrors: ErrorRequestHandler = (error, _req, res, next) => {
  if (res.headersSent) return next(error);
  if (error instanceof InputRefused) return refuseWith(res, 400, error.message);
  if (error instanceof ToolkitError) return refuseWith(res, error.status, error.message);
  // `express.json` says what is wrong with a body.
  const { status, expose } = error as { status?: unknown; expose?: unknown };
  const isTooLarge = status === 413;
  const detail = isTooLarge ? `The body has more than ${MOST_BYTES}.` : 'The body must be JSON.';
  if (expose === true && typeof status === 'number') return refuseWith(res, status, detail);
  next(error);
};
