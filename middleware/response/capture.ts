import type { Response } from 'express';
import { onceOn } from '../../src/listeners.js';
import { setImmediate } from '../../src/timers.js';
import { stateOf } from '../request-state.js';
import { applyHead } from './apply-head.js';
import { BodyCopy } from './body-copy.js';
import { isLeftByClient } from './client-gone.js';
import { type Methods, methodsOf } from './intercept.js';
import { holdsInside, isDroppedWithin } from './nested-holds.js';

/** How a response goes on when its head is complete. */
export interface CaptureDecision {
  /** The body's bytes are wanted. */
  readonly keep: boolean;
  /** Answers the client in place of the handler, whose own bytes are not sent. */
  readonly instead?: () => void;
}

export interface Capture {
  readonly maxBodyBytes: number;
  /** Called when the head is complete, before anything is sent. */
  onHead(): CaptureDecision;
  /** Called as soon as there are more bytes than are kept. */
  onTooLarge(): void;
  /** Called when the handler has ended the response: with its bytes, or without when they are too many or too few. */
  onBody(body: Buffer | undefined): void;
  /** Called when the response closes before its end: its client has left, or the application has destroyed it. */
  onBroken?(by: 'client' | 'application'): void;
}

/** Copies the bytes that a handler sends, without holding them back. Past `maxBodyBytes` the copy is dropped. */
export function captureResponse(res: Response, capture: Capture): void {
  const captured = new CapturedResponse(res, methodsOf(res), capture);
  onceOn(res, 'close', () => captured.closed());
  res.writeHead = ((...args: unknown[]) => captured.writeHead(args)) as typeof res.writeHead;
  res.flushHeaders = () => captured.flushHeaders();
  res.write = ((...args: unknown[]) => captured.write(args)) as typeof res.write;
  res.end = ((...args: unknown[]) => captured.end(args)) as typeof res.end;
}

class CapturedResponse {
  readonly #res: Response;
  readonly #through: Methods;
  readonly #capture: Capture;
  readonly #copy: BodyCopy;
  readonly #holds: number;
  #state: 'untouched' | 'sent' | 'replaced' = 'untouched';
  #declaredLength: unknown;
  #ended = false;
  #isLeft = false;

  constructor(res: Response, through: Methods, capture: Capture) {
    this.#res = res;
    this.#through = through;
    this.#capture = capture;
    this.#holds = holdsInside(res);
    this.#copy = new BodyCopy(capture.maxBodyBytes, () => capture.onTooLarge());
  }

  writeHead(args: readonly unknown[]): Response {
    const isFirst = this.#state === 'untouched';
    if (isFirst) {
      applyHead(this.#res, [...args]);
      this.#begin();
    }
    // Node asks for the head of the answer that was sent instead, once a hold lets it go.
    if (this.#isReplaced && !stateOf(this.#res.req).isReleasing) return this.#res;
    const head = isFirst ? [this.#res.statusCode] : args;
    return this.#pass(() => this.#through.writeHead.apply(this.#res, head as never)) as Response;
  }

  flushHeaders(): void {
    this.#begin();
    if (!this.#isReplaced) this.#through.flushHeaders.call(this.#res);
  }

  write(args: readonly unknown[]): boolean {
    this.#begin();
    return this.#pass(() => {
      this.#add(args);
      // Without its client a response is never drained: the handler must be able to go on to its end.
      const goesNowhere = this.#isReplaced || this.#isLeft;
      return goesNowhere ? callBack(args) : this.#through.write.apply(this.#res, args as never);
    });
  }

  end(args: readonly unknown[]): Response {
    this.#begin();
    this.#pass(() => {
      this.#add(args);
      if (this.#isReplaced) callBack(args);
      else this.#through.end.apply(this.#res, args as never);
    });
    // A body that the client did not wait for may be whole nevertheless; a response that was destroyed here is not.
    if (this.#isReplaced || !this.#res.destroyed || this.#isLeft) this.#finish();
    return this.#res;
  }

  closed(): void {
    if (this.#ended) return;
    this.#isLeft = isLeftByClient(this.#res);
    this.#capture.onBroken?.(this.#isLeft ? 'client' : 'application');
  }

  get #isReplaced(): boolean {
    return this.#state === 'replaced' && !this.#isDropped;
  }

  get #isDropped(): boolean {
    return isDroppedWithin(this.#holds, this.#res);
  }

  #begin(): void {
    if (this.#state !== 'untouched') return;
    this.#state = 'sent';
    const res = this.#res;
    this.#declaredLength = res.getHeader('content-length');
    const { keep, instead } = this.#capture.onHead();
    if (keep) this.#copy.start();
    if (!instead) return;
    const watched = methodsOf(res);
    Object.assign(res, this.#through);
    instead();
    Object.assign(res, watched);
    this.#state = 'replaced';
  }

  // The answer of an error handler is no part of the body that was begun.
  #add([chunk, encoding]: readonly unknown[]): void {
    if (this.#isDropped) this.#copy.drop();
    else this.#copy.add(chunk, encoding);
  }

  // A call that Node refuses (a number as body, a line break in the status message) leads to an error page: its bytes
  // do not belong to the head that was judged.
  #pass<Result>(run: () => Result): Result {
    try {
      return run();
    } catch (error) {
      this.#copy.drop();
      throw error;
    }
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    // A handler that promised more than it sent was cut short.
    const isWhole = this.#declaredLength === undefined || Number(this.#declaredLength) === this.#copy.bytes;
    this.#capture.onBody(isWhole ? this.#copy.whole() : undefined);
  }
}

// Code that waits for a write that is not sent must not wait for ever.
function callBack(args: readonly unknown[]): true {
  const callback = args.findLast((argument) => typeof argument === 'function');
  if (callback) setImmediate(callback as () => void);
  return true;
}
