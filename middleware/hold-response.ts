import type { Readable } from 'node:stream';
import type { NextFunction, Response } from 'express';
import { applyHead } from './apply-head.js';
import { deferDestroy } from './deferred-destroy.js';
import { type HeldHead, headersSentError, holdHead, restoreHead } from './held-head.js';
import { headersNow } from './response-fields.js';

interface Call {
  run(): unknown;
  readonly isEnd: boolean;
}

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
  interceptCalls(res, mayRun, { isUntouched: () => state === 'untouched', isHeld: () => held !== undefined });
}

function interceptCalls(
  res: Response,
  mayRun: (call: Call) => boolean,
  { isUntouched, isHeld }: { isUntouched(): boolean; isHeld(): boolean },
): void {
  const { writeHead, write, end, flushHeaders } = res;
  let heldBytes = 0;

  res.writeHead = function heldWriteHead(...args: unknown[]) {
    if (isHeld()) {
      // Node's implicit head: whoever looks at `_header`, as compression up to 1.7 does, asks for it again.
      if (args.length === 1 && args[0] === res.statusCode) return res;
      throw headersSentError();
    }
    const first = isUntouched();
    if (first) applyHead(res, args);
    const run = () => (first ? writeHead.call(res, res.statusCode) : writeHead.apply(res, args as never));
    if (mayRun({ run, isEnd: false })) run();
    return res;
  } as typeof res.writeHead;
  res.flushHeaders = () => {
    const run = () => flushHeaders.call(res);
    if (mayRun({ run, isEnd: false })) run();
  };
  res.write = ((...args: unknown[]) => {
    const run = () => write.apply(res, args as never);
    if (mayRun({ run, isEnd: false })) return run();
    // As much as the next writer's own buffer takes: below that it would not say when to go on.
    heldBytes += (args[0] as string | Uint8Array | null)?.length ?? 0;
    return heldBytes < res.writableHighWaterMark;
  }) as typeof res.write;
  res.end = ((...args: unknown[]) => {
    const run = () => end.apply(res, args as never);
    if (mayRun({ run, isEnd: true })) run();
    return res;
  }) as typeof res.end;
}

function attempt(settle: () => Promise<void> | undefined): Promise<void> | undefined {
  try {
    return settle();
  } catch (error) {
    return Promise.reject(error);
  }
}
