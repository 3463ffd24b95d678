import { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Writable } from 'node:stream';
import type { Request, Response } from 'express';
import { setImmediate } from '../../src/timers.js';
import { leaveToolkit } from '../leave-toolkit.js';
import { hasGoneOn } from './nested-holds.js';

const METHODS = [
  'setHeader',
  'setHeaders',
  'appendHeader',
  'getHeader',
  'getHeaders',
  'getHeaderNames',
  'hasHeader',
  'removeHeader',
  'flushHeaders',
  'writeHead',
  'write',
  'end',
  'cork',
  'uncork',
  'destroy',
  'setTimeout',
  'addTrailers',
  'writeEarlyHints',
  'writeProcessing',
  'writeContinue',
  'on',
  'addListener',
  'once',
  'off',
  'removeListener',
  'prependListener',
  'prependOnceListener',
] as const;

const STATE = [
  'statusCode',
  'statusMessage',
  'headersSent',
  'sendDate',
  'writable',
  'writableEnded',
  'writableFinished',
  'writableLength',
  'writableNeedDrain',
  'finished',
  'destroyed',
  'closed',
] as const;

const OF_HANDLERS = new Set<string>(['statusCode', 'statusMessage', 'sendDate']);

/**
 * Answers the client, and leaves to the handlers that follow a `res` on which nothing has been said, and from which
 * nothing is sent: they may go on in the background, as if a client were waiting. An answer that is held has to leave
 * first. Resolves to whether it has: a hold that fails hands the response to the error handlers.
 */
export async function detachResponse(req: Request, res: Response, answer: () => void): Promise<boolean> {
  leaveToolkit(req);
  const before = res.getHeaders();
  answer();
  if (!res.writableEnded && !(await hasGoneOn(res))) return false;
  const shadow = answerToNobody(req);
  for (const name of METHODS) {
    const method = shadow[name] as ((...args: unknown[]) => unknown) | undefined;
    const detached = (...args: unknown[]) => {
      const result = method?.apply(shadow, args);
      return result === shadow ? res : result;
    };
    Object.defineProperty(res, name, { value: detached, configurable: true, writable: true });
  }
  for (const name of STATE) {
    Object.defineProperty(res, name, {
      get: () => shadow[name as 'statusCode'],
      // Node marks a response that was sent as destroyed: that is the client's.
      set: (value) => {
        if (OF_HANDLERS.has(name)) shadow[name as 'statusCode'] = value;
      },
      configurable: true,
    });
  }
  for (const [name, value] of Object.entries(before)) if (value !== undefined) shadow.setHeader(name, value);
  return true;
}

/** Takes everything, never full, and tells of `finish` and `close` as if it had been sent. */
function answerToNobody(req: Request): ServerResponse {
  const shadow = new ServerResponse(req);
  const nowhere = new Writable({
    highWaterMark: Number.MAX_SAFE_INTEGER,
    write: (_chunk, _encoding, done) => done(),
  });
  shadow.assignSocket(Object.assign(nowhere, { setTimeout: () => nowhere }) as unknown as Socket);
  shadow.once('finish', () => setImmediate(() => nowhere.destroy()));
  return shadow;
}
