import { type IncomingHttpHeaders, request } from 'node:http';
import { text } from 'node:stream/consumers';
import express, { type ErrorRequestHandler, type Request, type RequestHandler, type Response } from 'express';
import { holdResponse } from '../../../../middleware/response/hold.js';
import { amendHead } from '../../../../middleware/response/locked-head.js';
import { forwards } from '../../../support/forwards.js';
import { tellError } from '../../session/support/session-client.js';
import { gate, serve } from '../../support/redis-for-file.js';

interface HeldOptions {
  method?: string;
  outer?: RequestHandler;
  onError?: ErrorRequestHandler;
}

export type Handler = (req: Request, res: Response) => unknown;

/** Asks an app whose response is held until the test opens the gate. */
export async function askHeld(
  handler: Handler,
  { method = 'GET', outer, onError = tellError }: HeldOptions = {},
) {
  const settling = gate();
  const reached = gate();
  const app = express();
  if (outer) app.use(outer);
  app.use((_req, res, next) => {
    holdResponse(res, next, () => {
      reached.open();
      return settling.passed.then(() => setLate(res));
    });
    next();
  });
  app.use(forwards(handler as RequestHandler));
  app.use(onError);
  const url = await serve(app);
  let answered = false;
  const answer = new Promise<{ status: number; headers: IncomingHttpHeaders; text: string }>(
    (resolve, reject) => {
      request(url, { method }, async (res) => {
        answered = true;
        resolve({ status: res.statusCode!, headers: res.headers, text: await text(res) });
      })
        .on('error', reject)
        .end();
    },
  );
  await reached.passed;
  return { settling, answer, answered: () => answered };
}

function setLate(res: Response): void {
  if (settledOnce.has(res)) return;
  settledOnce.add(res);
  amendHead(res, () => res.appendHeader('Set-Cookie', 'late=1'));
}

const settledOnce = new WeakSet<Response>();

export const roundTrip = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
