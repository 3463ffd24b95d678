import type { OutgoingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import type { NextFunction, Response } from 'express';
import { addListener } from '../../src/listeners.js';
import { leaveToolkit } from '../leave-toolkit.js';
import { stateOf } from '../request-state.js';
import { thrownError } from '../thrown.js';
import { deferDestroy } from './defer-destroy.js';
import { headersNow, resetFields } from './fields.js';
import { type Call, type Interceptor, intercept, methodsOf } from './intercept.js';
import { type LockedHead, lockHead } from './locked-head.js';
import { holdsInside, isDroppedWithin } from './nested-holds.js';

/** How far a response is when it is about to go on. */
export interface ResponseProgress {
  /** The handler has ended it. */
  readonly isEnd: boolean;
  /** Status and headers are on their way; no cookie can be added. */
  readonly headSent: boolean;
}

/** Does what must be done before a response goes on; undefined when there is nothing to wait for. */
export type Settle = (progress: ResponseProgress) => Promise<void> | undefined;

/** Whether it is a response of Node: WebSocket servers give stand-ins to middlewares at an upgrade. */
export function canHold(res: Response): boolean {
  return typeof res.getHeaders === 'function' && typeof res.flushHeaders === 'function';
}

/**
 * Keeps everything of a response back (head, body, redirects, streams, `flushHeaders`) until `settle` is done.
 * `settle` is called when the response is about to begin and, when it began before its end, again when it is about
 * to end: a handler may go on changing things in between. When it returns nothing the response goes on at once.
 * When it fails, the held calls are dropped and the error goes to `next`.
 */
export function holdResponse(res: Response, next: NextFunction, settle: Settle): void {
  // A hold that was put off goes inside this one, as if it had begun in its turn.
  leaveToolkit(res.req);
  const hold = new ResponseHold(res, next, settle);
  addListener(res, 'pipe', (source: Readable) => hold.sources.push(source));
  intercept(res, hold);
}

class ResponseHold implements Interceptor {
  readonly through;
  readonly sources: Readable[] = [];
  heldBytes = 0;
  readonly #res: Response;
  readonly #next: NextFunction;
  readonly #settle: Settle;
  readonly #inside: number;
  readonly #before: {
    readonly status: number;
    readonly message: string;
    readonly headers: OutgoingHttpHeaders;
  };
  #state: 'untouched' | 'begun' | 'ended' | 'dropped' = 'untouched';
  #held: Call[] | undefined;
  #head: LockedHead | undefined;
  #mayDestroy: (() => void) | undefined;
  #isAnswered = false;

  constructor(res: Response, next: NextFunction, settle: Settle) {
    this.through = methodsOf(res);
    this.#res = res;
    this.#next = next;
    this.#settle = settle;
    this.#inside = holdsInside(res);
    stateOf(res.req).holds = this.#inside + 1;
    this.#before = { status: res.statusCode, message: res.statusMessage, headers: headersNow(res) };
  }

  get isUntouched(): boolean {
    return this.#state === 'untouched';
  }

  get isHolding(): boolean {
    return this.#held !== undefined;
  }

  passOrHold(call: Call): boolean {
    const res = this.#res;
    if (this.#state !== 'dropped' && isDroppedWithin(this.#inside, res)) this.#giveUp();
    if (this.#held) {
      if (!this.#held.at(-1)?.isEnd) this.#held.push(call);
      return false;
    }
    // Before and after the error's answer the handler may still be writing its own.
    if (this.#state === 'dropped') return !res.writableEnded && this.#isErrorsAnswer(call);
    // A handler that ends twice is common, and Node would make an uncaught error of the second time.
    if (this.#state === 'ended') return !(call.isEnd && res.writableEnded);
    if (this.#state === 'begun' && !call.isEnd) return true;
    this.#state = call.isEnd ? 'ended' : 'begun';
    const settled = this.#settled({ isEnd: call.isEnd, headSent: res.headersSent });
    if (!settled) return true;
    this.#held = [call];
    if (!res.headersSent) this.#head = lockHead(res);
    this.#mayDestroy = deferDestroy(res);
    stateOf(res.req).heldUntil = settled;
    settled.then(
      () => this.#release(),
      (error: unknown) => this.#drop(error),
    );
    return false;
  }

  #settled(progress: ResponseProgress): Promise<void> | undefined {
    try {
      return this.#settle(progress);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #release(): void {
    if (isDroppedWithin(this.#inside, this.#res)) this.#giveUp();
    if (this.#state === 'dropped') return;
    const calls = this.#held ?? [];
    // A call below may begin a hold that has a destroy of its own.
    const destroy = this.#mayDestroy;
    this.#unlock();
    const state = stateOf(this.#res.req);
    state.isReleasing = true;
    try {
      for (const [position, call] of calls.entries()) {
        if (position === 0 || this.passOrHold(call)) call.run();
      }
      state.isReleasing = false;
    } catch (error) {
      state.isReleasing = false;
      // The error that the handler's own call would have thrown, e.g. ERR_INVALID_ARG_TYPE.
      this.#drop(error);
      return;
    }
    destroy?.();
    if (this.#state === 'begun') this.#res.emit('drain');
  }

  /** The handler's answer is of no use any more. */
  #giveUp(): void {
    this.#state = 'dropped';
    // The hold inside decides.
    this.#isAnswered = true;
    this.#unlock();
    this.#mayDestroy?.();
    this.#mayDestroy = undefined;
  }

  #drop(error: unknown): void {
    const res = this.#res;
    this.#giveUp();
    const state = stateOf(res.req);
    state.droppedBy = Math.min(this.#inside + 1, state.droppedBy ?? this.#inside + 1);
    // The rest of the dropped body must not end up in the error's answer.
    for (const source of this.sources) source.unpipe(res);
    if (!res.headersSent) {
      res.statusCode = this.#before.status;
      res.statusMessage = this.#before.message;
      resetFields(res, this.#before.headers);
    }
    // While this call runs, the error handler writes, and not the handler.
    this.#isAnswered = true;
    this.#next(thrownError(error));
    this.#isAnswered = res.headersSent;
  }

  // The handler believes that its head has left: whoever says something in the head answers in its place.
  #isErrorsAnswer({ isHead = false }: Call): boolean {
    const { status, headers } = this.#before;
    this.#isAnswered ||=
      isHead || this.#res.statusCode !== status || !isDeepStrictEqual(headersNow(this.#res), headers);
    return this.#isAnswered;
  }

  #unlock(): void {
    stateOf(this.#res.req).heldUntil = undefined;
    this.#held = undefined;
    this.#head?.unlock();
    this.#head = undefined;
  }
}
