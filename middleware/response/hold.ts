import type { Readable } from 'node:stream';
import type { NextFunction, Response } from 'express';
import { deferDestroy } from './defer-destroy.js';
import { headersNow } from './fields.js';
import { type Call, gateResponse } from './intercept.js';
import { type HeldHead, holdHead, restoreHead } from './locked-head.js';

/** How far the response is when it is about to go on. */
export interface Moment {
  /** The handler has said its last word. */
  readonly isEnd: boolean;
  /** Status and headers are on their way; no cookie can be added. */
  readonly headSent: boolean;
}

/** Not so the stand-ins that WebSocket servers give to middlewares at an upgrade. */
export function canHold(res: Response): boolean {
  return typeof res.getHeaders === 'function' && typeof res.flushHeaders === 'function';
}

/**
 * Keeps everything of a response back (head, body, redirects, streams, `flushHeaders`) until `settle` is done.
 * `settle` is called when the response is about to begin and, when it began before its end, again when it is about
 * to end: a handler may go on changing things in between. When it returns nothing the response goes on at once.
 * When it fails, what is held is dropped and the error goes to `next`.
 */
export function holdResponse(
  res: Response,
  next: NextFunction,
  settle: (moment: Moment) => Promise<void> | undefined,
): void {
  const before = { status: res.statusCode, message: res.statusMessage, headers: headersNow(res) };
  const sources = new Set<Readable>();
  let state: 'untouched' | 'begun' | 'ended' | 'dropped' = 'untouched';
  let held: Call[] | undefined;
  let head: HeldHead | undefined;
  let mayDestroy: (() => void) | undefined;

  const mayRun = (call: Call): boolean => {
    if (held) {
      if (!held.at(-1)?.isEnd) held.push(call);
      return false;
    }
    // After the error's answer the handler may still be writing its own.
    if (state === 'dropped') return !res.writableEnded;
    // A handler that ends twice is common, and Node would make an uncaught error of the second time.
    if (state === 'ended') return !(call.isEnd && res.writableEnded);
    if (state === 'begun' && !call.isEnd) return true;
    state = call.isEnd ? 'ended' : 'begun';
    const settled = attempt(() => settle({ isEnd: call.isEnd, headSent: res.headersSent }));
    if (!settled) return true;
    held = [call];
    if (!res.headersSent) head = holdHead(res);
    mayDestroy = deferDestroy(res);
    settled.then(release, drop);
    return false;
  };

  const open = () => {
    held = undefined;
    head?.open();
    head = undefined;
  };

  const release = () => {
    const calls = held ?? [];
    // What is held next, by a call below, has its own.
    const destroy = mayDestroy;
    open();
    try {
      for (const [position, call] of calls.entries()) {
        if (position === 0 || mayRun(call)) call.run();
      }
    } catch (error) {
      // What the handler's own call would have thrown, e.g. ERR_INVALID_ARG_TYPE.
      return drop(error);
    }
    destroy?.();
    if (state === 'begun') res.emit('drain');
  };

  const drop = (error: unknown) => {
    state = 'dropped';
    open();
    mayDestroy?.();
    // The rest of the dropped body must not end up in the error's answer.
    for (const source of sources) source.unpipe(res);
    if (!res.headersSent) restoreHead(res, before);
    next(error);
  };

  res.on('pipe', (source: Readable) => sources.add(source));
  gateResponse(res, mayRun, { isUntouched: () => state === 'untouched', isHeld: () => held !== undefined });
}

function attempt(settle: () => Promise<void> | undefined): Promise<void> | undefined {
  try {
    return settle();
  } catch (error) {
    return Promise.reject(error);
  }
}
