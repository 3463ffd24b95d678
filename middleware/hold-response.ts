import type { NextFunction, Response } from 'express';
import { applyHead } from './apply-head.js';

type Call = () => void;

/**
 * Keeps everything of a response back (head, body, redirects, streams, `flushHeaders`) until `settle` is done.
 * `settle` is called once, when the response is about to begin; when it returns nothing the response goes out at
 * once. When it fails, the held response is dropped and the error goes to `next`.
 */
export function holdResponse(
  res: Response,
  next: NextFunction,
  settle: () => Promise<void> | undefined,
): void {
  const { writeHead, write, end, flushHeaders } = res;
  const headersBefore = new Set(res.getHeaderNames());
  const statusBefore = res.statusCode;
  let state: 'waiting' | 'held' | 'ended' | 'released' = 'waiting';
  let calls: Call[] = [];

  const release = () => {
    state = 'released';
    showHeadersSent(undefined);
    for (const call of calls.splice(0)) call();
    if (!res.writableEnded) res.emit('drain');
  };

  const drop = (error: unknown) => {
    state = 'released';
    calls = [];
    showHeadersSent(undefined);
    res.statusCode = statusBefore;
    for (const name of res.getHeaderNames()) if (!headersBefore.has(name)) res.removeHeader(name);
    next(error);
  };

  // To the handler the response has begun: an error after `res.end()` must not start a second one.
  const showHeadersSent = (value: true | undefined) => {
    if (value) Object.defineProperty(res, 'headersSent', { value, configurable: true });
    else delete (res as { headersSent?: boolean }).headersSent;
  };

  const goesThrough = (call: Call): boolean => {
    if (state === 'released') return true;
    if (state === 'waiting') {
      const settled = attempt(settle);
      if (!settled) {
        state = 'released';
        return true;
      }
      state = 'held';
      showHeadersSent(true);
      settled.then(release, drop);
    }
    if (state === 'held') calls.push(call);
    return false;
  };

  res.writeHead = function heldWriteHead(...args: unknown[]) {
    if (state === 'waiting') applyHead(res, args);
    const replay =
      state === 'waiting'
        ? () => writeHead.call(res, res.statusCode)
        : () => writeHead.apply(res, args as never);
    if (goesThrough(replay)) replay();
    return res;
  } as typeof res.writeHead;
  res.flushHeaders = () => {
    const replay = () => flushHeaders.call(res);
    if (goesThrough(replay)) replay();
  };
  res.write = ((...args: unknown[]) => {
    const replay = () => write.apply(res, args as never);
    return goesThrough(replay) ? replay() : false;
  }) as typeof res.write;
  res.end = ((...args: unknown[]) => {
    const replay = () => end.apply(res, args as never);
    if (goesThrough(replay)) replay();
    else if (state === 'held') state = 'ended';
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
